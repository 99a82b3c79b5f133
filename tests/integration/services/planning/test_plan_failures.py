"""A plan that fails for a reason that lasts is given up after three tries; after an outage it is tried until it succeeds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pyarrow as pa
import pytest
from sqlalchemy import update

from app.connectors.errors import ConfigurationRejected, TransientFailure
from app.core.errors import Invalid
from app.domain.sync_states import SyncState
from app.queue import Task
from app.services.planning import plan as planning
from app.services.planning.plan_failures import TRIES, is_lasting, record_failure
from app.services.platform import MAX_LOST_LEASES, readiness
from app.snapshots.engine import FileFormat, UnknownFormat, format_metadata
from app.storage.engine import DatabaseAway
from app.storage.models import Sync
from app.storage.repositories.syncs import SyncRepository
from tests.flow import Flow
from tests.integration.services.planning.test_old_holdings import delivered, replace
from tests.stepping import Hand, cut_once

ENGINE_WORDS = ("Binder", "Catalog", "column", "SELECT", "held")


async def plan_at_once(hand: Hand) -> None:
    """Plan what waits for its next try, without the wait."""
    async with hand.platform.unit_of_work() as session:
        await session.execute(update(Sync).values(next_at=None))
    await hand.once(tasks=(Task.PLAN,))


async def tries(hand: Hand, flow: Flow, activation: str) -> list[Sync]:
    """Plan until the newest sync is no longer new. Returns the activation's syncs."""
    for _ in range(10):
        await plan_at_once(hand)
        syncs = await flow.syncs(activation)
        if syncs[-1].state != "new":
            return syncs
        assert syncs[-1].next_at is not None, "it would be tried again at once"
    raise AssertionError("it is planned without an end")


async def worker_ends(flow: Flow, sync: Sync) -> None:
    """Leave a sync as a worker does that ends while it plans it."""
    async with flow.platform.unit_of_work() as session:
        lease = timedelta(microseconds=1)
        claimed = await SyncRepository(session).claim(
            flow.space_id, sync.id, (SyncState.NEW,), "ended", lease
        )
        assert claimed is not None


async def test_a_plan_that_ends_its_workers_is_given_up(flow: Flow) -> None:
    hand = Hand(flow)
    await flow.supply([{"profile_id": "p1"}])
    activation = await flow.activate()
    await hand.once(tasks=(Task.RECOMPUTE,))
    (sync,) = await flow.syncs(activation)
    for _ in range(MAX_LOST_LEASES):
        await worker_ends(flow, sync)
    (sync,) = await tries(hand, flow, activation)
    row = await flow.activation(activation)
    assert (sync.state, row.state) == ("failed", "error")
    assert (row.last_error or {})["message"] == (
        "Planning ended 5 workers in a row; most likely it needs more memory than there is."
    )


@pytest.mark.walk
async def test_a_worker_that_came_too_late_has_not_ended(flow: Flow) -> None:
    hand = Hand(flow)
    await flow.supply([{"profile_id": "p1"}])
    activation = await flow.activate()
    await hand.once(tasks=(Task.RECOMPUTE,))
    (sync,) = await flow.syncs(activation)
    for late in range(MAX_LOST_LEASES + 1):
        await worker_ends(flow, sync)
        async with flow.platform.unit_of_work() as session:
            await SyncRepository(session).report_alive(flow.space_id, sync.id, late)
    await hand.quiet()
    assert flow.received(activation) == {"p1"}


@pytest.mark.walk
async def test_holdings_that_cannot_be_read_are_an_error_after_three_tries(
    flow: Flow, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    hand = Hand(flow)
    activation, table = await delivered(flow, hand)
    current = format_metadata(FileFormat.HOLDINGS)
    broken = table.drop_columns(["held"]).replace_schema_metadata(current)
    await replace(flow, activation, broken, tmp_path)
    await hand.start(activation)
    *_, sync = await tries(hand, flow, activation)
    row = await flow.activation(activation)
    assert (sync.state, sync.attempts, row.state) == ("failed", TRIES, "error")
    words = str((row.last_error or {})["message"])
    assert words.startswith("Planning failed: an error inside the service (")
    assert words.endswith("It was tried 3 times.")
    assert not [word for word in ENGINE_WORDS if word in words]

    # The way out: repair the cause, and enable the activation.
    await replace(flow, activation, table, tmp_path)
    await flow.sign_in(client)
    path = f"audiences/{flow.audience_id}/activations/{activation}"
    status = (await client.get(f"{path}/status")).json()["data"]["status"]
    assert status["note"].endswith("Fix the cause, then enable the activation again.")
    response = await client.patch(path, json={"enabled": True})
    assert response.status_code == 200, response.text
    await flow.supply([{"profile_id": "p1"}, {"profile_id": "new"}])
    await hand.quiet()
    row = await flow.activation(activation)
    assert (row.state, row.last_error) == ("active", None)
    assert flow.received(activation) == {"p1", "new"}


@pytest.mark.walk
async def test_files_of_a_newer_version_are_named(flow: Flow, tmp_path: Path) -> None:
    hand = Hand(flow)
    activation, table = await delivered(flow, hand)
    newer = format_metadata(FileFormat.HOLDINGS, 99)
    await replace(flow, activation, table.replace_schema_metadata(newer), tmp_path)
    dry = await hand.start(activation, dry=True)
    assert [sync.id for sync in await tries(hand, flow, activation)][-1] == dry.id
    assert (await flow.activation(activation)).state == "active"  # a dry run stops nothing
    await hand.start(activation)
    *_, sync = await tries(hand, flow, activation)
    row = await flow.activation(activation)
    assert (sync.state, sync.attempts, row.state) == ("failed", TRIES, "error")
    assert "version 99" in str(row.last_error)


@pytest.mark.walk
async def test_during_an_upgrade_a_file_of_the_newer_version_waits_for_its_worker(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(flow)
    activation, table = await delivered(flow, hand)
    newer = format_metadata(FileFormat.HOLDINGS, 99)
    await replace(flow, activation, table.replace_schema_metadata(newer), tmp_path)
    with monkeypatch.context() as old_version:
        old_version.setattr(readiness, "is_known", lambda _: False)
        await hand.start(activation)
        for _ in range(TRIES + 2):
            await plan_at_once(hand)
    *_, sync = await flow.syncs(activation)
    assert (sync.state, (await flow.activation(activation)).state) == ("new", "active")
    await replace(flow, activation, table, tmp_path)  # as the newer version reads it
    assert (await tries(hand, flow, activation))[-1].state != "failed"


@pytest.mark.walk
async def test_only_the_same_reason_counts(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [KeyError("a"), duckdb.IOException("the disk is full")] * 4

    async def failing(*args: Any) -> Any:
        raise errors.pop()

    hand = Hand(flow)
    activation = await flow.activate(resync=True)
    await flow.supply([{"profile_id": "p1"}])
    await hand.once(tasks=(Task.RECOMPUTE,))
    with monkeypatch.context() as patch:
        patch.setattr(planning, "_write", failing)
        while errors:
            await plan_at_once(hand)
    (sync,) = await flow.syncs(activation)
    assert (sync.state, sync.attempts) == ("new", 8)
    await hand.quiet()
    assert flow.received(activation) == {"p1"}


@pytest.mark.parametrize(
    ("error", "lasts"),
    [
        (duckdb.BinderException("no such column"), True),
        (duckdb.InternalException("bug"), True),
        (duckdb.ConversionException("not a number"), True),
        (UnknownFormat("newer"), True),
        (ConfigurationRejected("no such list"), True),
        (pa.ArrowInvalid("not Parquet"), True),
        (KeyError("bug"), True),
        (duckdb.IOException("disk full"), False),
        (duckdb.OutOfMemoryException("little memory"), False),
        (duckdb.InterruptException("stopped"), False),
        (OSError(28, "No space left on device"), False),
        (FileNotFoundError(2, "No such file"), False),
        (ConnectionError("away"), False),
        (TimeoutError(), False),
        (TransientFailure("502"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_lasts(error: Exception, lasts: bool) -> None:
    assert is_lasting(error) is lasts


@pytest.mark.walk
async def test_an_outcome_is_recorded_although_the_connection_was_cut(flow: Flow) -> None:
    hand = Hand(flow)
    activation = await flow.activate(resync=True)
    await flow.supply([{"profile_id": "p1"}])
    await hand.once(tasks=(Task.RECOMPUTE,))
    dry = await hand.start(activation, dry=True)
    (sync, _) = await flow.syncs(activation)

    async def fail(sync: Sync, error: Exception) -> Sync:
        async with flow.platform.unit_of_work() as session:
            claimed = await SyncRepository(session).claim(
                sync.space_id, sync.id, (SyncState.NEW,), "test", flow.platform.settings.lease
            )
        assert claimed is not None
        await record_failure(cut_once(flow.platform), claimed, error)
        return {sync.id: sync for sync in await flow.syncs(activation)}[sync.id]

    refused = await fail(dry, Invalid("a wrong setting"))
    assert (refused.state, (refused.error or {})["message"]) == ("failed", "a wrong setting")
    later = await fail(sync, DatabaseAway("cut"))
    assert (later.state, later.lease_until) == ("new", None)
    assert (later.error or {})["message"].startswith("The database is unavailable")
    states = []
    for _ in range(TRIES):
        async with flow.platform.unit_of_work() as session:
            await session.execute(update(Sync).values(next_at=None))
        states.append((await fail(sync, KeyError("a fault of the service"))).state)
    assert states == ["new", "new", "failed"]
    assert (await flow.activation(activation)).state == "error"
