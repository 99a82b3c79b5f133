"""Planned changes, and what the events of a sync have in common, for tests of rendering."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.domain.changes import ChangeKind
from app.services.delivery.event import EventFrame
from app.snapshots.engine import PlannedChange

FRAME = EventFrame(
    type="identify",
    sync_id="syn_1",
    space_id="spa_1",
    audience_id="aud_1",
    audience_key="buyers",
    activation_id="act_1",
    list_of=lambda _: "list_1",
    connection_settings={"region": "eu"},
    planned_at=datetime(2026, 1, 2, tzinfo=UTC),
)


def create_change(kind: ChangeKind = ChangeKind.ENTERED, **traits: Any) -> PlannedChange:
    """Create a change of the member p1, who has two addresses."""
    return PlannedChange(
        row=7,
        kind=kind,
        key_type="email",
        key="ada@example.com",
        member_id="p1",
        profile_id="p1",
        place=None,
        identity={"email": ["old@example.com", "ada@example.com"], "user_id": "u1"},
        traits=traits,
        entities={},
        partner_id=None,
    )
