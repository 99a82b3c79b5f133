"""Our own operations, one file for each resource."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.extensions import (
    datasets,
    delivery_options,
    destinations,
    exports,
    holdings,
    members,
    runs,
    snapshots,
    syncs,
)

router = APIRouter()
for _part in (
    destinations.router,
    datasets.router,
    members.router,
    runs.router,
    snapshots.router,
    syncs.router,
    exports.router,
    delivery_options.router,
    holdings.router,
):
    router.routes.extend(_part.routes)
