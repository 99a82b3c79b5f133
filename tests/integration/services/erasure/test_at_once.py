"""Erasures of several persons at once, which write the same exported files again."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from app.core import clock
from app.domain.persons import Person
from app.services.erasure import carry_on_erasure, exports
from app.snapshots.erasure import Erased
from app.storage.models import Erasure
from tests.flow import Flow
from tests.integration.services.erasure.leaks import (
    ADA,
    GRACE,
    ask_to_erase,
    carried_out,
    files_of,
    leaks,
    state_of,
)
from tests.stepping import Hand

pytestmark = pytest.mark.installation(stepped=True)


async def own_pass(flow: Flow, erasure_id: str) -> Erasure:
    """Carry out a pass of one erasure now. Another one keeps its lease."""
    moment = clock.now().timestamp() - 120
    for file in files_of(flow):
        os.utime(file, (moment, moment))
    await flow.platform.hot.execute("UPDATE erasure SET next_at = NULL WHERE id = $1", erasure_id)
    await carry_on_erasure(flow.platform, flow.space_id, erasure_id, lane="test")
    return await state_of(flow, erasure_id)


async def preview_begins(flow: Flow) -> None:
    """Let a preview be at work, which may have read any person."""
    await flow.platform.hot.execute(
        "INSERT INTO audience_preview (space_id, id, audience_type, query, options, status, attempts, created_at, lease_until)"
        " VALUES ($1, 'pre_1', 'USERS', 'SELECT 1', '{}', 'RUNNING', 1, clock_timestamp(), clock_timestamp() + interval '1 hour')",
        flow.space_id,
    )


async def preview_ends(flow: Flow) -> None:
    await flow.platform.hot.execute(
        "UPDATE audience_preview SET status = 'COMPLETED', lease_until = NULL"
    )


@pytest.mark.walk
async def test_a_slow_one_does_not_bring_back_the_person_of_another(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow.use_account("file-download", {})
    activation = await flow.activate(connectionSettings={"format": "csv"})
    await flow.upload([ADA, GRACE, {"profile_id": "p-alan-9", "email": "alan@example.com"}])
    assert (await flow.quiet(activation)).state == "complete"
    ada, grace = await ask_to_erase(flow), await ask_to_erase(flow, "p-grace-3")
    has_read, go_on = threading.Event(), threading.Event()
    without = exports._without

    def slow(source: Path, out: Path, person: Person, columns: list[str]) -> Erased | None:
        found = without(source, out, person, columns)
        if person.is_named("p-grace-3") and not has_read.is_set():
            has_read.set()
            go_on.wait(30)
        return found

    monkeypatch.setattr(exports, "_without", slow)
    of_grace = asyncio.create_task(own_pass(flow, grace))
    assert await asyncio.to_thread(has_read.wait, 20)
    for _ in range(6):
        await own_pass(flow, ada)
        await Hand(flow).quiet()
    go_on.set()
    await of_grace
    for erasure in (ada, grace):
        await carried_out(flow, erasure)
    assert await leaks(flow) == []
    assert await leaks(flow, "p-grace-3", "grace@example.com") == []
    assert await leaks(flow, "alan@example.com")


@pytest.mark.walk
async def test_a_reader_that_ends_during_a_pass_is_waited_for(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wrote behind the pass is found by the next one."""
    await flow.use_account("file-download", {})
    activation = await flow.activate(connectionSettings={"format": "csv"})
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    ada = await ask_to_erase(flow)
    for _ in range(2):
        await own_pass(flow, ada)
        await Hand(flow).quiet()
    await flow.platform.hot.execute(
        "UPDATE erasure SET waits = jsonb_build_array(jsonb_build_object('reason', 'reader', 'readers',"
        " jsonb_build_array('pre_1', 'pre_2')))  WHERE id = $1",
        ada,
    )
    await preview_begins(flow)
    rewrite = exports.rewrite_exports

    async def behind(*arguments: object) -> None:
        await rewrite(*arguments)  # type: ignore[arg-type]
        await preview_ends(flow)

    with monkeypatch.context() as patched:
        patched.setattr("app.services.erasure.passes.rewrite_exports", behind)
        assert (await own_pass(flow, ada)).state != "complete"
    assert (await carried_out(flow, ada)).state == "complete"


@pytest.mark.walk
async def test_a_pass_that_is_cut_leaves_its_readers_to_the_next_one(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has changed the files, so the next one finds nothing; what has read them before may still write."""
    await flow.use_account("file-download", {})
    activation = await flow.activate(connectionSettings={"format": "csv"})
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    (exported,) = (file for file in files_of(flow) if file.name.endswith(".csv"))
    with_ada = exported.read_bytes()
    ada = await ask_to_erase(flow)
    for _ in range(2):
        await own_pass(flow, ada)
        await Hand(flow).quiet()
    exported.write_bytes(with_ada)
    await preview_begins(flow)

    async def cut(*_: object) -> None:
        raise ConnectionError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr("app.services.erasure.passes._record", cut)
        await own_pass(flow, ada)
    assert exported.read_bytes() != with_ada
    assert (await own_pass(flow, ada)).state != "complete"
    await preview_ends(flow)
    assert (await carried_out(flow, ada)).state == "complete"
