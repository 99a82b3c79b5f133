from __future__ import annotations

from datetime import UTC, datetime

from app.api.extensions.syncs import sync_wire
from app.services.syncs.syncs import SyncView
from app.storage.models import Sync
from app.storage.repositories.batch_counts import BatchCounts

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def create_sync(**values: object) -> Sync:
    return Sync(
        **{
            "space_id": "spa_1",
            "id": "syn_1",
            "activation_id": "act_1",
            "number": 3,
            "kind": "incremental",
            "trigger": "run",
            "state": "running",
            "entered": 60,
            "exited": 30,
            "updated": 10,
            "delivered": 0,
            "rejected": 0,
            "skipped": 0,
            "left_out": {},
            "batches": 4,
            "opened_at": NOW,
            **values,
        }
    )


class TestSyncWire:
    def test_one_that_runs_shows_what_its_batches_say(self) -> None:
        counts = BatchCounts(batches=4, settled=2, sending=1, delivered=40, rejected=3, skipped=2)
        shown = sync_wire(SyncView(create_sync(), counts, {"aud_1": "snp_1"}))
        assert (shown.delivered, shown.rejected, shown.skipped) == (40, 3, 2)
        assert (shown.planned, shown.pending) == (100, 55)
        assert [source.to_wire() for source in shown.snapshots] == [
            {"audienceId": "aud_1", "snapshotId": "snp_1"}
        ]

    def test_a_closed_one_shows_its_own_counts(self) -> None:
        sync = create_sync(state="cancelled", delivered=70, rejected=1, skipped=0, finished_at=NOW)
        counts = BatchCounts(batches=4, settled=0, sending=0, delivered=0, rejected=0, skipped=0)
        for view in (SyncView(sync, counts, {}), SyncView(sync, None, {})):
            shown = sync_wire(view)
            assert (shown.delivered, shown.rejected, shown.skipped, shown.pending) == (70, 1, 0, 29)

    def test_one_that_was_never_planned_is_all_zero(self) -> None:
        shown = sync_wire(
            SyncView(create_sync(state="new", entered=0, exited=0, updated=0), None, {})
        )
        assert (shown.planned, shown.pending) == (0, 0)
