"""Due work of many workspaces: a limit cuts off no workspace."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from app.services.platform.platform import Platform
from app.storage.repositories.due_work import WorkQueries
from tests.contract.test_every_operation import client_of
from tests.integration.api.conftest import Tenant, create_tenant
from tests.integration.api.scene import SQL, create_audience


async def test_the_first_of_each_workspace_comes_before_the_second_of_any(
    api: httpx.AsyncClient, application: FastAPI, tenant: Tenant, platform: Platform
) -> None:
    for _ in range(3):
        await _open_work(api, tenant)
    other = await create_tenant(platform)
    async with client_of(application) as client:
        client.headers.update(other.headers)
        await _open_work(client, other)
    async with platform.unit_of_work() as session:
        _, found = await WorkQueries(session).due(2)
    spaces = [tenant.space_id, other.space_id]
    for task in ("recompute", "preview"):
        assert [work.space_id for work in found if work.task == task] == spaces


async def _open_work(api: httpx.AsyncClient, tenant: Tenant) -> None:
    audience = await create_audience(api, tenant)
    space = f"/spaces/{tenant.space_id}"
    preview = {"definition": {"query": SQL}, "audienceType": "USERS"}
    for path, body in ((f"/audiences/{audience}/runs", {}), ("/audiences/previews", preview)):
        answer = await api.post(space + path, json=body)
        assert answer.status_code == 200, answer.text
