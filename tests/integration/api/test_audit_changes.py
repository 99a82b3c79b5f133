"""The audit trail with what changed: names and values are those of the resources' own operations, and no secret is in it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core import clock
from app.services.platform.platform import Platform
from app.services.tenancy import tokens
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import create_activation, create_scene

SECRETS = ("Bearer-of-the-audit-1", "password-of-the-audit", "Bearer-of-the-audit-2")


async def events(api: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await api.get("/audit-changes", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["events"]
    return found


def at(resource: Any, path: str) -> Any:
    """Return the value at a path of a representation; names may contain dots."""
    if not path:
        return resource
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if isinstance(resource, dict) and name in resource:
            return at(resource[name], ".".join(parts[end:]))
    raise AssertionError(f"{path} is not in {resource}")


def plain(value: Any) -> Any:
    return {"set": True} if isinstance(value, dict) and value.get("set") else value


def values(event: dict[str, Any], side: str) -> dict[str, Any]:
    return {one["field"]: one[side] for one in event["changes"]}


async def data(api: httpx.AsyncClient, path: str) -> Any:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    return next(iter(answer.json()["data"].values()))


async def send(api: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    answer = await api.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.walk
async def test_each_resource_from_its_creation_to_its_end(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    scene = await create_scene(api, tenant, description="All buyers")
    activation = await create_activation(api, scene)
    one = f"{scene.activations}/{activation['id']}"
    space, destination = scene.space, f"{scene.space}/destinations/{scene.destination_id}"
    connection = f"{scene.connections}/{scene.connection_id}"
    schedule = await send(
        api,
        "POST",
        f"{scene.audience}/schedules",
        {"strategy": "PERIODIC", "config": {"interval": "1h"}},
    )
    schedule_id = schedule["audienceSchedule"]["id"]
    source = {
        "host": "db.example.com",
        "database": "shop",
        "user": "reader",
        "password": SECRETS[1],
        "table": "public.orders",
    }
    body = {"name": "orders", "kind": "postgres", "source": source}
    dataset = (await send(api, "POST", f"{space}/datasets", body))["dataset"]
    # Created: each value is that of the resource's own operation.
    shown = {
        "audience": await data(api, f"{scene.audience}?include=schedules"),
        "destination": await data(api, destination),
        "dataset": await data(api, f"{space}/datasets/{dataset['id']}"),
        "activation": {
            **await data(api, one),
            "deliveryOptions": await data(api, f"{one}/delivery-options"),
        },
        "destination-connection": (await data(api, scene.connections))[0],
    }
    shown["audience"]["schedules"] = {
        entry["id"]: entry for entry in shown["audience"]["schedules"]
    }
    created = {event["type"]: event for event in await events(api)}
    for kind, event in created.items():
        if event["changes"] is None:
            assert kind == "Destinations Listed from Audience"
            continue
        for field, value in values(event, "after").items():
            assert plain(at(shown[event["resourceType"]], field)) == value, (kind, field)
        assert {*values(event, "before").values()} == {None}, kind
    assert (
        values(created["Audience Created"], "after")["definition.query"]
        == (shown["audience"]["definition"]["query"])
    )
    assert values(created["Dataset Created"], "after")["source.password"] == {"set": True}
    assert set(values(created["Destination Created"], "after")) >= {"name", "settings.url"}
    # Changed: only what differs.
    await send(api, "PATCH", one, {"activationName": "Summer", "performResync": True})
    await send(api, "PATCH", f"{one}/delivery-options", {"brake": {"maxRemovalPercent": 60}})
    await send(api, "PATCH", scene.audience, {"definition": {"query": "SELECT 'p2' AS profile_id"}})
    await send(
        api,
        "PATCH",
        f"{scene.audience}/schedules/{schedule_id}",
        {"strategy": "PERIODIC", "config": {"interval": "2h"}},
    )
    await send(
        api, "PATCH", f"{space}/datasets/{dataset['id']}", {"source": {"password": SECRETS[0]}}
    )
    for secret in (SECRETS[0], SECRETS[2]):
        headers = {"headers": {"Authorization": secret}}
        await send(api, "PATCH", destination, {"settings": headers})
    await send(api, "PATCH", f"{space}/options", {"absentWords": ["unbekannt"]})
    identifiers = [{"externalId": "user_id", "strategy": "first"}]
    await send(api, "PATCH", connection, {"idSyncConfiguration": identifiers})
    changed = (await events(api))[:9]
    assert [
        (event["type"], [(one["field"], one["before"], one["after"]) for one in event["changes"]])
        for event in reversed(changed)
    ] == [
        (
            "Activation Modified",
            [("activationName", "Spring buyers", "Summer"), ("performResync", False, True)],
        ),
        ("Activation Modified", [("deliveryOptions.brake.maxRemovalPercent", 30, 60)]),
        (
            "Audience Modified",
            [
                (
                    "definition.query",
                    shown["audience"]["definition"]["query"],
                    "SELECT 'p2' AS profile_id",
                )
            ],
        ),
        (
            "Audience Schedule Modified",
            [(f"schedules.{schedule_id}.config.interval", "1h", "2h")],
        ),
        ("Dataset Modified", [("source.password", {"set": True}, {"set": True})]),
        ("Destination Modified", [("settings.headers.Authorization", None, {"set": True})]),
        (
            "Destination Modified",
            [("settings.headers.Authorization", {"set": True}, {"set": True})],
        ),
        ("Space Modified", [("options.absentWords", [], ["unbekannt"])]),
        (
            "Destination Updated for Audience",
            [
                (
                    "idSyncConfiguration",
                    shown["destination-connection"]["idSyncConfiguration"],
                    identifiers,
                )
            ],
        ),
    ]
    # Removed: everything that it was.
    for path in (
        one,
        connection,
        f"{scene.audience}/schedules/{schedule_id}",
        scene.audience,
        destination,
        f"{space}/datasets/{dataset['id']}",
    ):
        await send(api, "DELETE", path)
    removed = (await events(api))[:6]
    for event in removed:
        assert {json.dumps(value) for value in values(event, "after").values()} == {"null"}
    assert values(removed[5], "before")["deliveryOptions.brake.maxRemovalPercent"] == 60
    assert values(removed[2], "before")["description"] == "All buyers"
    async with platform.unit_of_work() as session:
        rows = await session.execute(text("SELECT CAST(e AS text) FROM audit_event e"))
        stored = "\n".join(row[0] for row in rows)
    assert not [secret for secret in SECRETS if secret[-4:] in stored]


async def test_segments_operation_keeps_its_shape(api: httpx.AsyncClient, tenant: Tenant) -> None:
    await create_scene(api, tenant)
    shown = (await api.get("/audit-events")).json()["data"]["events"]
    ours = await events(api)
    names = {"id", "timestamp", "type", "actor", "resourceId", "resourceType", "resourceName"}
    assert [set(event) for event in shown] == [names] * 3
    assert [{name: event[name] for name in names} for event in ours] == shown
    first = ours[-1]
    assert [event["id"] for event in await events(api, resourceId=first["resourceId"])] == [
        first["id"]
    ]
    assert (await api.get("/audit-changes?startTime=yesterday")).status_code == 422


async def test_tokens_are_for_operators(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform, application: FastAPI
) -> None:
    async with platform.unit_of_work() as session:
        _, operator = await tokens.create_token(
            session,
            keyring=platform.keyring,
            workspace_id=tenant.workspace_id,
            name="operator",
            scopes=("read", "operator"),
            now=clock.now(),
        )
        _, reader = await tokens.create_token(
            session,
            keyring=platform.keyring,
            workspace_id=tenant.workspace_id,
            name="reader",
            scopes=("read",),
            now=clock.now(),
        )
    transport = httpx.ASGITransport(app=application)
    found: dict[str, Any] = {}
    token: dict[str, Any] = {}
    for name, one in (("operator", operator), ("reader", reader)):
        headers = {"Authorization": f"Bearer {one}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=headers
        ) as client:
            if name == "operator":
                made = await client.post(
                    "/tokens", json={"name": "crm", "scopes": ["read"], "days": 9}
                )
                assert made.status_code == 200, made.text
                token = made.json()["data"]
                await client.delete(f"/tokens/{token['token']['id']}")
            found[name] = await events(client, resourceType="token")
    removed, created = found["operator"]
    expiry = token["token"]["expiresAt"]
    assert values(created, "after") == {"name": "crm", "scopes": ["read"], "expiresAt": expiry}
    assert values(removed, "before") == values(created, "after")
    assert token["text"].rpartition("_")[2] not in json.dumps(found)
    assert [event["changes"] for event in found["reader"]] == [None, None]
