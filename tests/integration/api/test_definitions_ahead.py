"""Definitions are resolved in a child process before their transaction takes a connection."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.services.platform.platform import Platform
from app.snapshots.definitions import binding
from tests.integration.api.conftest import Tenant


async def test_no_connection_is_held_while_a_definition_is_resolved(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool: Any = platform.database.engine.pool
    held: list[int] = []
    run = binding.run_in_thread  # type: ignore[attr-defined]  # imported there

    async def watched(*job: Any, **more: Any) -> Any:
        held.append(pool.checkedout())
        return await run(*job, **more)

    monkeypatch.setattr(binding, "run_in_thread", watched)
    audiences = f"/spaces/{tenant.space_id}/audiences"
    once = {"Idempotency-Key": "once"}

    def definition(number: int) -> dict[str, Any]:
        query = f"SELECT 'ahead {number}' AS profile_id"
        return {"name": "A", "definition": {"query": query}, "audienceType": "USERS"}

    created = await api.post(audiences, json=definition(1), headers=once)
    one = f"{audiences}/{created.json()['data']['audience']['id']}"
    fields = {"definition": definition(2)["definition"]}
    assert (await api.patch(one, json=fields)).status_code == 200
    preview = await api.post(
        f"{audiences}/previews", json=definition(3), headers=once | {"Idempotency-Key": "2"}
    )
    assert preview.status_code == 200, preview.text
    assert held == [0, 0, 0], "each was resolved once"
    bodies: list[Any] = [[], {}, {"definition": []}, {"definition": {"query": 1}}]
    for body in bodies:
        assert (await api.post(audiences, json=body)).status_code == 422


async def test_a_definition_whose_child_is_stopped_is_not_resolved_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    async def stopped(*job: Any, **more: Any) -> Any:
        tries.append(1)
        raise TimeoutError

    monkeypatch.setattr(binding, "run_in_thread", stopped)
    query = "SELECT 'stopped' AS profile_id"
    for _ in range(2):
        assert await binding.bind_definition(query, {}, owner="spa") == binding.Binding()
    assert len(tries) == 1
    monkeypatch.setattr(binding, "_STOPPED_FOR", 0.0)
    for _ in range(2):
        await binding.bind_definition(f"{query} LIMIT 1", {}, owner="spa")
    assert len(tries) == 3, "later it is tried again"
