"""Fields that became empty are cleared by single calls: an import job cannot do it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.connectors.base import Delivery
from app.connectors.destinations.klaviyo import additions, payloads
from app.connectors.destinations.klaviyo.definition import UPSERT
from app.domain.changes import ChangeKind
from tests.unit.connectors.create import create_call
from tests.unit.connectors.klaviyo.test_connector import LIST, World, list_call, person, world

__all__ = ["world"]  # a fixture

IMPORT, JOBS = "POST /api/profile-import", "POST /api/profile-bulk-import-jobs"
ADD = f"POST /api/lists/{LIST}/relationships/profiles"
FULL: dict[str, Any] = {
    "first_name": "Ann", "title": "Dr", "location": {"city": "Bern", "zip": "3000"},
    "properties": {"tier": "gold", "a.b": 1, "kept": {"x": 1}},
}  # fmt: skip
EMPTIED = (
    ("title",),
    ("location", "city"),
    ("properties", "tier"),
    ("properties", "a.b"),
    ("properties", "kept", "y"),  # inside a value, which is replaced as a whole
    ("custom", "no field of Klaviyo"),
)
LEFT: dict[str, Any] = {
    "first_name": "Ann", "location": {"zip": "3000"}, "properties": {"kept": {"x": 2}},
}  # fmt: skip


def emptied(number: int, **changes: Any) -> Delivery:
    return person(
        number, **{"kind": ChangeKind.UPDATED, "fields": LEFT, "cleared": EMPTIED, **changes}
    )


def attributes(world: World, number: int) -> dict[str, Any]:
    found = world.partner.account.find("email", f"p{number}@example.com")
    assert found is not None
    return {name: value for name, value in found.attributes.items() if name != "email"}


def test_the_body_has_null_for_fields_and_unset_for_properties() -> None:
    (profile,), _ = payloads.profiles_of([emptied(1)])
    assert json.loads(payloads.single_profile(profile)) == {
        "data": {
            "type": "profile",
            "attributes": {
                "email": "p1@example.com",
                "title": None,
                "first_name": "Ann",
                "location": {"zip": "3000", "city": None},
                "properties": {"kept": {"x": 2}},
            },
            "meta": {"patch_properties": {"unset": ["tier", "a.b"]}},
        }
    }
    assert profile.alone().cleared == profile.cleared
    assert b"null" not in payloads.import_job([profile], LIST)


@pytest.mark.parametrize("count", [1, 12])
async def test_only_single_calls_clear(world: World, count: int) -> None:
    rows = [person(number, fields=FULL) for number in range(count)]
    await world.run(list_call(), rows)
    world.sandbox.recorder.clear()
    last = [person(n, fields=FULL, kind=ChangeKind.UPDATED) for n in range(count)]
    which = count // 2  # in the middle of the job's rows
    last[which] = emptied(which)
    receipts = await world.run(list_call(ChangeKind.UPDATED), last)
    assert (receipts.rejected, receipts.unknown, receipts.skipped) == ({}, {}, {})
    assert attributes(world, which) == {**LEFT, "location": {"zip": "3000", "city": None}}
    assert all(attributes(world, n) == FULL for n in range(count) if n != which)
    calls = world.calls()
    assert (calls[IMPORT], calls[ADD], calls[JOBS]) == (1, 1, int(count > 1))
    assert len(world.emails()) == count


async def test_many_are_cleared_some_at_a_time_and_added_to_the_list(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(additions, "CLEARED_AT_ONCE", 4)
    monkeypatch.setattr(additions, "ADDED_AT_ONCE", 5)
    rows = [emptied(number, kind=ChangeKind.ENTERED) for number in range(14)]
    receipts = await world.run(list_call(), rows)
    assert set(receipts.partner_ids) == set(range(14))
    calls = world.calls()
    assert (calls[IMPORT], calls[ADD], calls[JOBS]) == (14, 3, 0)
    assert len(world.emails()) == 14


async def test_without_a_list_nothing_is_added(world: World) -> None:
    call = create_call(kind=ChangeKind.UPDATED, action_id=UPSERT.id)
    receipts = await world.run(call, [emptied(number) for number in range(12)])
    assert len(receipts.partner_ids) == 12
    assert world.calls()[ADD] == 0
    assert world.emails() == set()


async def test_a_job_that_leaves_members_unknown_does_not_ask_for_the_cleared_ones(
    world: World,
) -> None:
    world.partner.account.payloads = False
    world.partner.refused["p3@example.com"] = "no"
    rows = [person(n, fields=FULL) for n in range(12)]
    rows[6] = emptied(6, kind=ChangeKind.ENTERED)
    receipts = await world.run(list_call(), rows)
    assert (set(receipts.unknown), receipts.rejected) == ({3}, {})
