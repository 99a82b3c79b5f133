"""The brake: uploads that are empty, truncated or very different are refused, or their syncs are put on hold."""

from __future__ import annotations

from typing import Any

import pytest

from app.core import clock
from app.services.audiences import runs
from app.services.syncs import syncs
from app.storage.models import Audience, Run, Sync
from tests.flow import ACTOR, Flow
from tests.stepping import Hand

MEMBERS = 1000


@pytest.fixture
def hand(flow: Flow) -> Hand:
    return Hand(flow)


def rows(number: int) -> list[dict[str, Any]]:
    return [{"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(number)]


def ids(number: int) -> set[str]:
    return {f"p{i}" for i in range(number)}


async def full(flow: Flow, hand: Hand) -> str:
    """Create an activation with the default brake, whose destination holds all members."""
    activation = await flow.activate(resync=True, brake=True)
    await flow.supply(rows(MEMBERS))
    await hand.quiet()
    assert flow.received(activation) == ids(MEMBERS)
    return activation


async def last(flow: Flow, activation: str) -> Sync:
    return (await flow.syncs(activation))[-1]


async def assert_held_then_approve(flow: Flow, hand: Hand, activation: str, left: int) -> None:
    """Check that the open plan waits with nothing sent, and that it is sent once it is approved."""
    held = await last(flow, activation)
    assert (held.state, held.exited) == ("held", MEMBERS - left)
    assert held.hold_reason is not None
    messages = flow.receiver.stats()["messages"]
    await hand.quiet()
    assert flow.receiver.stats()["messages"] == messages
    assert flow.received(activation) == ids(MEMBERS)
    async with flow.platform.unit_of_work() as session:
        await syncs.approve_sync(
            session, flow.space_id, activation, held.id, actor=ACTOR, now=clock.now()
        )
    await hand.quiet()
    done = await last(flow, activation)
    assert (done.id, done.state, done.delivered) == (held.id, "complete", MEMBERS - left)
    assert flow.received(activation) == ids(left)


class TestUploads:
    @pytest.mark.walk
    async def test_a_file_without_anything_is_refused(self, flow: Flow, hand: Hand) -> None:
        activation = await full(flow, hand)
        run = await flow.supply([])
        await hand.quiet()
        assert (await flow.finished(run.id)).state == "failed"
        assert flow.received(activation) == ids(MEMBERS)

    async def test_a_file_without_members_is_held(self, flow: Flow, hand: Hand) -> None:
        activation = await full(flow, hand)
        await supply_bytes(flow, b"profile_id,email\n", "csv")
        await hand.quiet()
        await assert_held_then_approve(flow, hand, activation, 0)

    @pytest.mark.walk
    async def test_one_that_was_cut_off_between_two_lines(self, flow: Flow, hand: Hand) -> None:
        activation = await full(flow, hand)
        await flow.supply(rows(MEMBERS // 2))
        await hand.quiet()
        await assert_held_then_approve(flow, hand, activation, MEMBERS // 2)

    @pytest.mark.walk
    async def test_one_that_was_cut_off_within_a_line_is_refused(
        self, flow: Flow, hand: Hand
    ) -> None:
        activation = await full(flow, hand)
        before = len(await flow.syncs(activation))
        run = await supply_bytes(flow, b'{"profile_id": "p0"}\n{"profile_id": "p1", "ema')
        await hand.quiet()
        assert (await flow.finished(run.id)).state == "failed"
        assert len(await flow.syncs(activation)) == before
        assert flow.received(activation) == ids(MEMBERS)

    async def test_a_small_loss_goes_out(self, flow: Flow, hand: Hand) -> None:
        activation = await full(flow, hand)
        await flow.supply(rows(MEMBERS - 99))
        await hand.quiet()
        assert flow.received(activation) == ids(MEMBERS - 99)


class TestSmallAudiences:
    @pytest.mark.walk
    @pytest.mark.parametrize(("before", "after"), [(95, 1), (9, 0), (120, 30)])
    async def test_are_held_by_default(
        self, flow: Flow, hand: Hand, before: int, after: int
    ) -> None:
        activation = await flow.activate(resync=True, brake=True)
        await flow.supply(rows(before))
        await hand.quiet()
        lines = ["profile_id,email", *(f"p{i},p{i}@example.com" for i in range(after))]
        await supply_bytes(flow, "\n".join([*lines, ""]).encode(), "csv")
        await hand.quiet()
        assert (await last(flow, activation)).state == "held"
        assert flow.received(activation) == ids(before)


class TestDefinitions:
    @pytest.mark.walk
    async def test_one_that_suddenly_matches_a_tenth(self, flow: Flow, hand: Hand) -> None:
        await define(flow, share=1)
        activation = await flow.activate(resync=True, brake=True)
        await compute(flow, hand)
        assert flow.received(activation) == ids(MEMBERS)
        await define(flow, share=10)
        await compute(flow, hand)
        await assert_held_then_approve(flow, hand, activation, MEMBERS // 10)

    @pytest.mark.walk
    async def test_one_that_is_repaired_supersedes_the_held_plan(
        self, flow: Flow, hand: Hand
    ) -> None:
        await define(flow, share=1)
        activation = await flow.activate(resync=True, brake=True)
        await compute(flow, hand)
        await define(flow, share=10)
        await compute(flow, hand)
        held = await last(flow, activation)
        await define(flow, share=1)
        await compute(flow, hand)
        assert {one.id: one.state for one in await flow.syncs(activation)}[held.id] == "superseded"
        assert (await last(flow, activation)).state == "complete"
        assert flow.received(activation) == ids(MEMBERS)


async def supply_bytes(flow: Flow, content: bytes, form: str = "ndjson") -> Run:
    path = flow.platform.engine.scratch_file(f".{form}")
    path.write_bytes(content)
    key = f"spaces/{flow.space_id}/audiences/{flow.audience_id}/uploads/{form}.{form}"
    sha256, size = await flow.platform.objects.put(path, key)
    file = {"key": key, "sha256": sha256, "rows": 0, "bytes": size}
    return await _open(flow, "upload", {"file": file, "format": form, "encoding": None})


async def define(flow: Flow, *, share: int) -> None:
    """Compute the audience as one of several equal parts of a thousand people."""
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.query = f"SELECT 'p' || i AS profile_id FROM range({MEMBERS}) AS t(i) WHERE i < {MEMBERS // share}"


async def compute(flow: Flow, hand: Hand) -> None:
    run = await _open(flow, "definition", None)
    await hand.quiet()
    assert (await flow.finished(run.id)).error is None


async def _open(flow: Flow, kind: str, given: dict[str, Any] | None) -> Run:
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        return await runs.open_run(
            session,
            space_id=flow.space_id,
            audience=audience,
            kind=kind,
            trigger="api",
            actor=ACTOR,
            now=clock.now(),
            input=given,
        )
