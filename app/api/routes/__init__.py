"""The operations of Segment's Public API."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.routes import (
    activations,
    audience_previews,
    audience_schedules,
    audiences,
    audit_events,
    destination_connections,
    spaces,
    supported_destinations,
)

PARTS = (
    supported_destinations.router,
    destination_connections.router,
    activations.router,
    activations.hot,
    audience_previews.router,
    audiences.router,
    audience_schedules.router,
    spaces.router,
    audit_events.router,
)

router = APIRouter()
for _part in PARTS:
    router.routes.extend(_part.routes)
