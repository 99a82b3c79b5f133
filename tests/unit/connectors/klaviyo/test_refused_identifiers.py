"""A phone number that Klaviyo refuses does not keep its member off the list.

See https://community.klaviyo.com/developer-group-64/api-validation-improvements-for-phone-number-handling-18034 and
https://github.com/klaviyo/klaviyo-swift-sdk/issues/122.
"""

from __future__ import annotations

import pytest

from app.connectors.base import Delivery
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
