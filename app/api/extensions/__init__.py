"""The operations that this service adds to Segment's, one file per resource."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.extensions import (
    checks,
    dataset_contents,
    dataset_reads,
    datasets,
    delivery_options,
    destinations,
    drift,
    explain,
    exports,
    holdings,
    members,
    notices,
    operations,
    overview,
    partner_lists,
    preview_rows,
    profiles,
    reach,
    revisions,
    runs,
    snapshots,
    space_options,
    status,
    summary,
    sync_batches,
    sync_log,
    syncs,
    test_sends,
)

router = APIRouter()
for _part in (
    destinations.router,
    partner_lists.router,
    datasets.router,
    dataset_contents.router,
    dataset_reads.router,
    preview_rows.router,
    members.router,
    runs.router,
    snapshots.router,
    reach.router,
    status.router,
    summary.router,
    sync_batches.router,
    sync_log.router,
    syncs.router,
    explain.router,
    test_sends.router,
    exports.router,
    delivery_options.router,
    holdings.router,
    drift.router,
    overview.router,
    revisions.router,
    checks.router,
    space_options.router,
    notices.router,
    operations.router,
    profiles.router,
):
    router.routes.extend(_part.routes)
