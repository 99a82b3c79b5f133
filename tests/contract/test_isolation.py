"""Another workspace's token finds nothing. The routes with a path parameter come from the document."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from app.services.platform.platform import Platform
from tests.contract.documents import Published
from tests.contract.test_every_operation import ALPHA, client_of, create_stage
from tests.integration.api.conftest import Tenant, create_tenant


async def test_a_foreign_token_gets_404_and_changes_nothing(
    api: httpx.AsyncClient, application: FastAPI, tenant: Tenant, platform: Platform
) -> None:
    stage = await create_stage(api, application, tenant)
    stage.ids["runId"] = (await api.post(f"{stage.scene.audience}/runs")).json()["data"]["run"][
        "id"
    ]
    stranger = await create_tenant(platform)
    before = await _everything(platform)
    checked = 0
    async with client_of(application) as client:
        client.headers.update({"Accept": ALPHA, **stranger.headers})
        for operation in Published("activations.json").operations.values():
            if "{" not in operation.path:
                continue
            for ids in (stage.ids, {**stage.ids, "spaceId": stranger.space_id}):
                path = _filled(operation.path, ids, stage.scene.destination_id)
                if ids is not stage.ids and _is_own(operation.path):
                    continue  # the space of the other workspace, without an id of this one in the path
                answer = await client.request(operation.method, path, json=operation.example)
                assert answer.status_code == 404, (operation.id, path, answer.text)
                checked += 1
    assert await _everything(platform) == before
    assert checked > 60


def _is_own(path: str) -> bool:
    # The name of a person is no id of this workspace.
    path = path.removesuffix("/profiles/{id}")
    return "{" not in path.replace("{spaceId}", "").replace("{audienceType}", "")


def _filled(path: str, ids: dict[str, str], destination_id: str) -> str:
    known = dict(ids)
    if path.startswith("/spaces/{spaceId}/audiences/previews"):
        known["id"] = ids["previewId"]
    elif "/activations/{id}" in path or "{activationId}" in path:
        known["id"] = known["activationId"]
    if path.startswith("/spaces/{spaceId}/destinations"):
        known["destinationId"] = destination_id
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + "unknown" + path[end + 1 :]
    return path


async def _everything(platform: Platform) -> dict[str, int]:
    """Return the number of rows, and a fingerprint of what could be changed."""
    tables = (
        "activation",
        "activation_revision",
        "audience",
        "audience_schedule",
        "audience_preview",
        "audit_event",
        "dataset",
        "destination",
        "destination_connection",
        "member_patch",
        "run",
        "space",
        "sync",
    )
    found = {}
    for table in tables:
        found[table] = await platform.hot.fetchval(
            f"SELECT count(*) + coalesce(sum(hashtext(t::text)::bigint), 0)::bigint FROM {table} t"
        )
    return found
