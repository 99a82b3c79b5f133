"""A field that Klaviyo refuses, such as a phone number, does not keep its member off the list.

See https://community.klaviyo.com/developer-group-64/api-validation-improvements-for-phone-number-handling-18034 and
https://github.com/klaviyo/klaviyo-swift-sdk/issues/122.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.connectors.base import Delivery
from app.connectors.destinations.klaviyo import payloads
from app.sandbox.server import Request, Response
from tests.unit.connectors.klaviyo.test_connector import LIST, World, list_call, people, person
from tests.unit.connectors.klaviyo.test_import_jobs import JOBS, Bent, import_error, world

__all__ = ["world"]  # a fixture

REFUSED = "+0170123456"  # the emulator refuses this one
ACCEPTED = {"email": "p7@example.com", "external_id": "u7"}


def with_phone(number: int, phone: str = REFUSED) -> Delivery:
    email = f"p{number}@example.com"
    return person(
        number,
        identifiers={"email": email, "external_id": f"u{number}", "phone_number": phone},
    )


@pytest.mark.parametrize("count", [8, 12], ids=["one by one", "by a job"])
async def test_the_member_is_sent_without_the_number(world: World, count: int) -> None:
    rows = people(count)
    rows[7] = with_phone(7)
    receipts = await world.run(list_call(), rows)
    assert len(world.emails()) == count
    assert (receipts.rejected, receipts.unknown) == ({}, {})
    assert list(receipts.notes) == [7]
    note = receipts.notes[7]
    assert note.code == "identifier_left_out"
    assert note.message.startswith("phone_number was left out: Invalid phone number format")
    assert receipts.identities[7] == ACCEPTED
    (member,) = [
        one for one in world.partner.members(LIST) or () if one["email"] == "p7@example.com"
    ]
    assert member["external_id"] == "u7"


async def test_many_members_of_a_job_are_sent_again_in_one_job(world: World) -> None:
    receipts = await world.run(list_call(), [with_phone(number) for number in range(12)])
    assert len(world.emails()) == 12
    assert len(receipts.notes) == 12
    assert world.calls()[f"POST {JOBS}"] == 2


@pytest.mark.parametrize("count", [8, 12], ids=["one by one", "by a job"])
async def test_a_member_whose_key_is_refused_is_rejected(world: World, count: int) -> None:
    rows = people(count)
    identifiers = {"phone_number": REFUSED, "external_id": "u7"}
    rows[7] = person(7, key_type="phone_number", key=REFUSED, identifiers=identifiers)
    receipts = await world.run(list_call(), rows)
    assert list(receipts.rejected) == [7]
    assert receipts.notes == {}


async def test_an_error_of_the_import_that_points_to_the_number(world: World) -> None:
    assert isinstance(world.partner, Bent)
    rows = people(12)
    rows[7] = with_phone(7, "+15005550006")
    world.partner.refused["+15005550006"] = "not taken"
    error = import_error({"email": "p7@example.com"})
    pointer = "/data/attributes/profiles/data/7/attributes/phone_number"
    error["data"][0]["attributes"]["source"] = {"pointer": pointer}
    world.partner.once("GET", f"{JOBS}/[^/]+/import-errors", 200, error)
    receipts = await world.run(list_call(), rows)
    assert (receipts.rejected, receipts.unknown) == ({}, {})
    assert len(world.emails()) == 12


PLACE = {"latitude": 999, "city": "Bonn"}


def refuse(world: World, field: str, is_bad: Callable[[dict[str, Any]], bool]) -> None:
    """Let the partner refuse profiles with a pointer to a field."""
    assert isinstance(world.partner, Bent)

    def rule(request: Request) -> Response | None:
        if request.method != "POST" or request.path not in (JOBS, "/api/profile-import"):
            return None
        attributes = json.loads(request.body)["data"]["attributes"]
        profiles = attributes.get("profiles", {}).get("data")
        where = [
            "/data/attributes"
            if profiles is None
            else f"/data/attributes/profiles/data/{n}/attributes"
            for n, one in enumerate(profiles or [{"attributes": attributes}])
            if is_bad(one["attributes"])
        ]
        errors = [
            {"code": "invalid", "detail": "not valid", "source": {"pointer": f"{one}/{field}"}}
            for one in where
        ]
        content = json.dumps({"errors": errors}).encode()
        return (
            Response(400, content, {"content-type": "application/vnd.api+json"}) if errors else None
        )

    world.partner.rules.append(rule)


@pytest.mark.parametrize("count", [8, 12], ids=["one by one", "by a job"])
@pytest.mark.parametrize(
    ("fields", "pointer", "named", "left"),
    [
        ({"location": PLACE}, "location/latitude", "location.latitude", {"city": "Bonn"}),
        ({"location": {"latitude": 999}}, "location/latitude", "location.latitude", {}),
        ({"location": PLACE}, "location", "location", {}),
        ({"title": "x" * 300}, "title", "title", {}),
        ({"properties": {"a/b": [1, 2]}}, "properties/a~1b/0", "properties.a/b", {}),
    ],
)
async def test_the_member_is_sent_without_the_field(
    world: World, count: int, fields: dict[str, Any], pointer: str, named: str, left: dict[str, Any]
) -> None:
    name, *part = named.split(".")

    def is_bad(attributes: dict[str, Any]) -> bool:
        value = attributes.get(name)
        return value is not None and (not part or part[0] in value)

    refuse(world, pointer, is_bad)
    rows = people(count)
    rows[7] = person(7, identifiers={"email": "p7@example.com", "external_id": "u7"}, fields=fields)
    receipts = await world.run(list_call(), rows)
    assert (receipts.rejected, receipts.unknown) == ({}, {})
    assert {index: note.code for index, note in receipts.notes.items()} == {7: "field_left_out"}
    assert receipts.notes[7].message == f"{named} was left out: not valid"
    assert len(world.emails()) == count
    found = world.partner.account.find("external_id", "u7")
    assert found is not None
    assert (found.attributes.get("location") or {}) == left


async def test_a_member_is_refused_if_all_its_properties_are(world: World) -> None:
    refuse(world, "properties", lambda attributes: "properties" in attributes)
    rows = people(12)
    rows[7] = person(7, fields={"properties": {"a": 1}})
    receipts = await world.run(list_call(), rows)
    assert list(receipts.rejected) == [7]
    assert len(world.emails()) == 11


async def test_an_error_of_the_import_that_points_to_a_field(world: World) -> None:
    assert isinstance(world.partner, Bent)
    rows = people(12)
    rows[7] = person(
        7,
        identifiers={"email": "p7@example.com", "external_id": "u7"},
        fields={"location": {"latitude": 999}},
    )
    error = import_error({"email": "p7@example.com"})
    error["data"][0]["attributes"]["source"] = {"pointer": "/data/attributes/location/latitude"}
    world.partner.refused["p7@example.com"] = "not taken"
    world.partner.once("GET", f"{JOBS}/[^/]+/import-errors", 200, error)

    def accept(request: Request) -> None:
        if request.path == "/api/profile-import":
            world.partner.refused.clear()

    world.partner.rules.append(accept)
    receipts = await world.run(list_call(), rows)
    assert (receipts.rejected, receipts.unknown) == ({}, {})
    assert receipts.notes[7].code == "field_left_out"
    assert receipts.identities[7] == ACCEPTED
    found = world.partner.account.find("external_id", "u7")
    assert found is not None
    assert "location" not in found.attributes


async def test_of_many_that_are_sent_again_one_may_still_be_a_duplicate(world: World) -> None:
    """Klaviyo names the refused number first, and the conflict of the address only when the number is gone."""
    assert isinstance(world.partner, Bent)
    world.partner.account.upsert({"email": "p7@example.com"})
    world.partner.account.upsert({"external_id": "u7"})
    rows, errors = [], []
    for number in range(12):
        phone = f"+1500555{number:04}"
        world.partner.refused[phone] = "not taken"
        identifiers = {
            "email": f"p{number}@example.com",
            "external_id": f"u{number}",
            "phone_number": phone,
        }
        rows.append(
            person(number, key_type="external_id", key=f"u{number}", identifiers=identifiers)
        )
        error = import_error({"external_id": f"u{number}"})["data"][0]
        error["attributes"]["source"] = {"pointer": "/data/attributes/phone_number"}
        errors.append(error)
    page = {**import_error({}), "data": errors}
    world.partner.once("GET", f"{JOBS}/[^/]+/import-errors", 200, page)
    receipts = await world.run(list_call(), rows)
    assert (receipts.rejected, receipts.unknown) == ({}, {})
    assert world.calls()[f"POST {JOBS}"] == 2
    members = world.partner.members(LIST) or ()
    assert {one["external_id"] for one in members} == {f"u{number}" for number in range(12)}
    assert receipts.identities[7] == {"external_id": "u7"}


async def test_many_that_are_sent_again_are_cut_into_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is far below the limit, and all together are not."""
    assert isinstance(world.partner, Bent)
    monkeypatch.setattr(payloads, "BODY_BYTES", 20_000)
    filling = {"properties": {"text": "x" * 900}}
    rows = [person(number, fields={**filling, "title": "bad"}) for number in range(60)]
    errors = []
    for number in range(60):
        world.partner.refused[f"p{number}@example.com"] = "not taken"
        error = import_error({"email": f"p{number}@example.com"})["data"][0]
        error["attributes"]["source"] = {"pointer": "/data/attributes/title"}
        errors.append(error)

    def answer(request: Request) -> Response | None:
        if request.method == "POST" and request.path == JOBS:
            sizes.append(len(request.body))
            profiles = json.loads(request.body)["data"]["attributes"]["profiles"]["data"]
            if any("title" not in one["attributes"] for one in profiles):
                refused.clear()
        return None

    sizes: list[int] = []
    refused = world.partner.refused
    world.partner.rules.append(answer)
    page = {**import_error({}), "data": errors}
    for _ in range(4):
        world.partner.once("GET", f"{JOBS}/[^/]+/import-errors", 200, page)
    receipts = await world.run(list_call(), rows)
    assert (receipts.rejected, receipts.unknown) == ({}, {})
    assert len(world.emails()) == 60
    assert max(sizes) < 25_000
    assert {note.code for note in receipts.notes.values()} == {"field_left_out"}
