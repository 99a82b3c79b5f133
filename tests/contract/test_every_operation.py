"""Every operation of Segment's API with every declared status; each response is checked against ``openapi/segment.json``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app.main import create_app
from app.services.platform.platform import Platform, open_platform
from app.storage.repositories.idempotency import IdempotencyRepository
from tests.contract.documents import DocumentedOperation, Published
from tests.integration.api.conftest import Tenant, create_tenant
from tests.integration.api.scene import (
    Scene,
    create_activation,
    create_audience,
    create_destination,
    create_scene,
)
from tests.servers import TestServers

#: Statuses that are not exercised, with the reason. Kept empty.
KNOWN_GAPS: dict[tuple[str, int], str] = {}

ALPHA = "application/vnd.segment.v1alpha+json"


@dataclass
class Stage:
    """A tenant with one resource of each kind, and how to call an operation on it."""

    application: FastAPI
    tenant: Tenant
    scene: Scene
    published: Published
    ids: dict[str, str] = field(default_factory=dict)

    def path(self, operation: DocumentedOperation, **replaced: str) -> str:
        """The operation's path with the ids of the tenant's resources."""
        ids = {**self.ids, **replaced}
        if operation.path.startswith("/spaces/{spaceId}/audiences/previews"):
            ids["id"] = replaced.get("id", self.ids["previewId"])
        elif "/activations/{id}" in operation.path:
            ids["id"] = replaced.get("id", self.ids["activationId"])
        path = operation.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, path
        return path

    async def call(
        self,
        operation: DocumentedOperation,
        expected: int,
        *,
        application: FastAPI | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        query: str = "",
        content: bytes | None = None,
        body: Any = None,
        **replaced: str,
    ) -> httpx.Response:
        """Call the operation and check the response against the document."""
        async with client_of(application or self.application) as client:
            sent = {"Authorization": f"Bearer {token or self.tenant.token}", "Accept": ALPHA}
            answer = await client.request(
                operation.method,
                self.path(operation, **replaced) + query,
                headers={**sent, **(headers or {})},
                **(
                    {"content": content}
                    if content is not None
                    else {"json": body}
                    if body is not None
                    else {}
                ),
            )
        assert answer.status_code == expected, (operation.id, answer.status_code, answer.text)
        return self.published.check(operation.id, answer)


@asynccontextmanager
async def client_of(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application in this process."""
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened


async def create_stage(api: httpx.AsyncClient, application: FastAPI, tenant: Tenant) -> Stage:
    """One resource of each kind."""
    scene = await create_scene(api, tenant)
    activation = await create_activation(api, scene)
    schedule = await api.post(
        f"{scene.audience}/schedules", json={"strategy": "PERIODIC", "config": {"interval": "1d"}}
    )
    preview = await api.post(
        f"{scene.space}/audiences/previews",
        json={"definition": {"query": "SELECT 'p' AS profile_id"}, "audienceType": "USERS"},
    )
    return Stage(
        application,
        tenant,
        scene,
        Published("segment.json"),
        {
            "spaceId": tenant.space_id,
            "audienceId": scene.audience_id,
            "id": scene.audience_id,
            "audienceType": "USERS",
            "connectionId": scene.connection_id,
            "destinationId": scene.connection_id,
            "activationId": activation["id"],
            "scheduleId": schedule.json()["data"]["audienceSchedule"]["id"],
            "previewId": preview.json()["data"]["audiencePreview"]["id"],
        },
    )


async def test_every_status_of_every_operation(
    api: httpx.AsyncClient,
    application: FastAPI,
    tenant: Tenant,
    platform: Platform,
    servers: TestServers,
) -> None:
    stage = await create_stage(api, application, tenant)
    settings = platform.settings.model_copy(update={"rate_limit_scale": 0.0001})
    limited = create_app(settings, platform=platform)
    async with limited.router.lifespan_context(limited):
        for operation in stage.published.operations.values():
            await limited_after_one_call(stage, operation, limited)
    for operation in stage.published.operations.values():
        await refused_before_it_runs(stage, operation, platform)
        if operation.example is not None or 400 in operation.statuses:
            await refused_for_its_body(stage, operation)
        await refused_for_its_parameters(stage, operation)
    await conflicts(stage, api, platform)
    for operation in in_an_order_that_works(stage.published):
        await succeed(stage, operation, api)
    await without_a_database(stage, platform, servers)
    missing = [gap for gap in stage.published.missing() if gap not in KNOWN_GAPS]
    print(
        f"{len(stage.published.operations)} operations, {len(stage.published.seen)} pairs of operation and status exercised; missing: {missing or 'none'}"
    )
    assert missing == []


async def refused_before_it_runs(
    stage: Stage, operation: DocumentedOperation, platform: Platform
) -> None:
    """401, 403, 406."""
    answer = await stage.call(operation, 401, token="aact_live_wrong")
    assert answer.headers["www-authenticate"] == "Bearer"
    scopes = ("write",) if operation.method == "GET" else ("read",)
    lacking = await create_tenant(platform, scopes=scopes)
    await stage.call(operation, 403, token=lacking.token)
    await stage.call(operation, 406, headers={"Accept": "text/html"})


async def limited_after_one_call(
    stage: Stage, operation: DocumentedOperation, limited: FastAPI
) -> None:
    """Check 429: the only allowed call is used up by an unknown id."""
    async with client_of(limited) as client:
        path = stage.path(operation, spaceId="unknown")
        headers = {"Authorization": f"Bearer {stage.tenant.token}"}
        spent = await client.request(operation.method, path, headers=headers)
        assert spent.headers["x-ratelimit-consumed"] == "1", spent.text
    answer = await stage.call(operation, 429, application=limited)
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-ratelimit-remaining"] == "0"
    data = answer.json()["errors"][0]["data"]
    assert (data["remainingPoints"], data["consumedPoints"]) == (0, 2)


async def refused_for_its_body(stage: Stage, operation: DocumentedOperation) -> None:
    """400, 413, 415."""
    json_type = {"Content-Type": "application/json"}
    await stage.call(operation, 400, content=b"{", headers=json_type)
    await stage.call(operation, 413, content=b" " * 2_000_000, headers=json_type)
    await stage.call(operation, 415, content=b"<a/>", headers={"Content-Type": "application/xml"})


async def refused_for_its_parameters(stage: Stage, operation: DocumentedOperation) -> None:
    """404, 422."""
    if 404 in operation.statuses:
        body = operation.example
        await stage.call(operation, 404, spaceId="spa_unknown", body=body)
        await stage.call(operation, 404, spaceId="spa%2Funknown", body=body)
    if "{spaceId}" in operation.path:
        await stage.call(operation, 422, spaceId="x" * 256, body=operation.example)
    else:
        await stage.call(operation, 422, query="?pagination=%7B%22count%22%3A%200%7D")


async def conflicts(stage: Stage, api: httpx.AsyncClient, platform: Platform) -> None:
    """Check 409 if it is declared."""
    operations = stage.published.operations
    again = {"destination": {"id": stage.scene.destination_id, "type": "destination"}}
    await stage.call(operations["addDestinationToAudience"], 409, body=again)
    await stage.call(operations["removeDestinationFromAudience"], 409)
    await stage.call(operations["removeAudienceFromSpace"], 409)
    supplied = await create_audience(api, stage.tenant, definition={"query": ""})
    await stage.call(operations["forceExecuteAudienceRun"], 409, audienceId=supplied)
    schedule = {"strategy": "PERIODIC", "config": {"interval": "1d"}}
    await stage.call(operations["addAudienceScheduleToAudience"], 409, id=supplied, body=schedule)
    activation = operations["addActivationToAudience"]
    async with held_key(stage, platform, "busy"):
        busy = {"Idempotency-Key": "busy"}
        await stage.call(activation, 409, headers=busy, body=activation.example)


@asynccontextmanager
async def held_key(stage: Stage, platform: Platform, key: str) -> AsyncIterator[None]:
    """A key under which another request is still running."""
    async with platform.database.sessions() as session:
        assert await IdempotencyRepository(session).take(stage.tenant.workspace_id, key)
        yield
        await session.rollback()


def in_an_order_that_works(published: Published) -> list[DocumentedOperation]:
    """Removals last, and dependent resources first."""
    last = (
        "removeActivationFromAudience",
        "removeDestinationFromAudience",
        "removeAudienceScheduleFromAudience",
        "removeAudienceFromSpace",
    )
    first = [found for found in published.operations.values() if found.id not in last]
    return [*first, *(published.operations[name] for name in last)]


async def succeed(stage: Stage, operation: DocumentedOperation, api: httpx.AsyncClient) -> None:
    """Check 200, with the documented example if there is one."""
    body = operation.example
    if operation.id == "addDestinationToAudience":
        body = {
            "destination": {
                "id": await create_destination(api, stage.tenant),
                "type": "destination",
            }
        }
    if operation.id == "removeActivationFromAudience":
        await remove_other_activations(stage, api)
    if operation.id == "removeAudienceFromSpace":
        await remove_other_connections(stage, api)
    answer = await stage.call(operation, 200, body=body)
    assert answer.headers["content-type"] == ALPHA


async def remove_other_activations(stage: Stage, api: httpx.AsyncClient) -> None:
    listed = (await api.get(stage.scene.activations)).json()["data"]["activations"]
    for activation in listed:
        if activation["id"] != stage.ids["activationId"]:
            await api.delete(f"{stage.scene.activations}/{activation['id']}")


async def remove_other_connections(stage: Stage, api: httpx.AsyncClient) -> None:
    listed = (await api.get(stage.scene.connections)).json()["data"]["connections"]
    for connection in listed:
        await api.delete(f"{stage.scene.connections}/{connection['id']}")


async def without_a_database(stage: Stage, platform: Platform, servers: TestServers) -> None:
    """Check 503 with a second database, which is dropped while the application uses it."""
    name = "gone_in_the_middle"
    url = servers.create_database(name)
    settings = platform.settings.model_copy(update={"database_url": SecretStr(url)})
    opened = await open_platform(settings)
    application = create_app(settings, platform=opened)
    servers.drop_database(name)
    for operation in stage.published.operations.values():
        answer = await stage.call(operation, 503, application=application)
        assert answer.headers["retry-after"] == "1"
    await opened.close()


async def test_the_messages_of_errors_in_the_document_are_those_of_the_service(
    api: httpx.AsyncClient, application: FastAPI, tenant: Tenant
) -> None:
    stage = await create_stage(api, application, tenant)
    operation = stage.published.operations["addActivationToAudience"]
    json_type = {"Content-Type": "application/json"}
    unknown = "aud_0vK3mR2HsD8pL4jT6uXaGb"
    answers = {
        400: await stage.call(operation, 400, content=b"{a", headers=json_type),
        401: await stage.call(operation, 401, token="aact_live_wrong"),
        404: await stage.call(operation, 404, body=operation.example, audienceId=unknown),
        406: await stage.call(operation, 406, headers={"Accept": "text/html"}),
        413: await stage.call(operation, 413, content=b" " * 2_000_000, headers=json_type),
        415: await stage.call(
            operation, 415, content=b"<a/>", headers={"Content-Type": "text/xml"}
        ),
    }
    examples = stage.published.document["components"]["examples"]
    for status, answer in answers.items():
        assert answer.json() == examples[f"error{status}"]["value"], status
    without = {"performResync": False, "activationType": "Audience Entered"}
    refused = await stage.call(operation, 422, body=without)
    assert refused.json() == examples["error422"]["value"]
