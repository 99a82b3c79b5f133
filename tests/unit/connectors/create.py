"""Factories with defaults for tests of connectors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from app.connectors.base import AudienceRef, Call, ConnectorTools, Delivery
from app.connectors.http import make_client
from app.domain.changes import ChangeKind

PLANNED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ATTEMPTED = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


class NoExports:
    async def publish(self, key: str, local_path: str) -> None:
        raise AssertionError("nothing is exported here")


@asynccontextmanager
async def create_tools(
    scratch: str = "/nonexistent", total: float = 5
) -> AsyncIterator[ConnectorTools]:
    async with make_client(
        outbound_allow="127.0.0.1", total_timeout=timedelta(seconds=total)
    ) as http:
        yield ConnectorTools(http=http, exports=NoExports(), scratch=scratch)


def create_call(**changes: Any) -> Call:
    values: dict[str, Any] = {
        "idempotency_key": "syn_1-1-0-2",
        "space_id": "spa_1",
        "audience": AudienceRef("aud_1", "vip", "VIP"),
        "activation_id": "act_1",
        "connection_id": "ii_1",
        "sync_id": "syn_1",
        "seq": 7,
        "number": 1,
        "count": 3,
        "kind": ChangeKind.ENTERED,
        "resync": False,
        "planned_at": PLANNED,
        "attempted_at": ATTEMPTED,
        "rows": 2,
    }
    return Call(**{**values, **changes})


def create_delivery(key: str = "p1", **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "kind": ChangeKind.ENTERED,
        "key_type": "member",
        "key": key,
        "profile_id": key,
        "identifiers": {"email": [f"{key}@example.com"]},
        "traits": {},
    }
    return Delivery(**{**values, **changes})
