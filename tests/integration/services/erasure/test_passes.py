"""Passes of an erasure: nothing is left, also after crashes, and other persons stay."""

from __future__ import annotations

import asyncio

import pytest

from app.services.audiences.members import find_member
from app.services.erasure import passes
from app.services.erasure.files import Rewriting
from tests.apart import rest_in_walks
from tests.flow import Flow
from tests.integration.services.erasure.leaks import (
    ADA,
    GRACE,
    ask_to_erase,
    carried_out,
    erase,
    leaks,
    one_pass,
)

pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.walk
async def test_nothing_is_left_and_the_destination_gets_the_exit(flow: Flow) -> None:
    activation = await flow.activate(resync=True, properties=["plan"])
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    await flow.upload([{**ADA, "plan": "free"}, {**GRACE, "friend": "ada@example.com"}])
    await flow.quiet(activation)
    assert flow.received(activation) == {"p-ada-17", "p-grace-3"}
    assert await leaks(flow)
    erasure = await erase(flow)
    assert await leaks(flow) == []
    assert flow.received(activation) == {"p-grace-3"}
    places = erasure.found["places"]
    assert places["snapshots"]["rows"] == 2
    assert {"holdings", "plans", "outcomes"} <= set(places)
    assert (erasure.person, erasure.waits, erasure.found["identifiers"]) == (None, [], 2)
    assert await leaks(flow, "grace@example.com")
    grace = await find_member(
        flow.platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        profile_id="p-grace-3",
    )
    assert grace.member is not None
    assert grace.member["identifiers"] == {"email": ["grace@example.com"]}
    await flow.upload([GRACE, {"profile_id": "p-alan-9"}])
    sync = await flow.quiet(activation)
    assert (sync.state, sync.entered, sync.exited) == ("complete", 1, 0)


@pytest.mark.walk
@pytest.mark.parametrize("part", rest_in_walks(["holdings", "snapshots", "syncs", "_switch"]))
async def test_a_crash_at_any_point_is_carried_on(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    activation = await flow.activate(resync=True)
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    erasure_id = await ask_to_erase(flow)
    if part == "holdings":  # they wait for the exit
        await one_pass(flow, erasure_id)
        await flow.quiet(activation)
    whole = getattr(Rewriting, part)

    async def dies(self: Rewriting, *arguments: object) -> None:
        if part != "_switch":
            await whole(self, *arguments)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(Rewriting, part, dies)
        with pytest.raises(asyncio.CancelledError):
            await one_pass(flow, erasure_id)
    await carried_out(flow, erasure_id)
    assert await leaks(flow) == []
    assert flow.received(activation) == {"p-grace-3"}


async def test_by_an_identifier_whatever_its_case(flow: Flow) -> None:
    await flow.upload(
        [ADA, {**GRACE, "profile_id": "p-ada-17b", "email": "ada@example.com"}, GRACE]
    )
    erasure = await erase(flow, "email:ADA@example.com")
    assert erasure.found["profiles"] == 2
    assert await leaks(flow, "ada@example.com", "p-ada-17", "p-ada-17b") == []


@pytest.mark.walk
async def test_an_identifier_of_another_profile_stays_with_it(flow: Flow) -> None:
    await flow.upload([ADA, {**GRACE, "email": "ada@example.com"}])
    erasure = await erase(flow)
    assert (erasure.found["shared"], erasure.found["identifiers"]) == (1, 1)
    assert await leaks(flow, "p-ada-17", "+4915112345678") == []
    assert await leaks(flow, "ada@example.com")


@pytest.mark.walk
async def test_a_short_id_names_nobody_elsewhere(flow: Flow) -> None:
    await flow.upload(
        [{"profile_id": "42", "age": 7}, {"profile_id": "43", "age": 42, "room": "42"}]
    )
    await erase(flow, "42")
    found = await find_member(
        flow.platform, space_id=flow.space_id, audience_id=flow.audience_id, profile_id="43"
    )
    assert found.member is not None
    assert found.member["traits"] == {"age": 42, "room": "42"}


@pytest.mark.walk
async def test_an_upload_of_before_is_waited_for(flow: Flow) -> None:
    await flow.upload([GRACE])
    run = await flow.supply([ADA, GRACE])
    erasure_id = await ask_to_erase(flow)
    erasure = await one_pass(flow, erasure_id)
    assert [(wait["reason"], wait["runId"]) for wait in erasure.waits] == [("run", run.id)]
    await carried_out(flow, erasure_id)
    assert await leaks(flow) == []


def test_the_waits_grow() -> None:
    waits = [passes._wait_of(attempts).total_seconds() for attempts in (0, 1, 3, 50)]
    assert waits == [1, 2, 8, 300]
