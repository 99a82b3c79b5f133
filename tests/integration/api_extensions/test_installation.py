"""The state of the installation."""

from __future__ import annotations

from dataclasses import replace

from pydantic import SecretStr

from app.core import clock
from app.core.version import VERSION
from app.services.platform import name_worker, write_beat
from app.services.reports import read_installation
from app.services.tenancy import tokens
from app.storage.models import Run, WorkerBeat
from tests.integration.api_extensions.desk import Desk

STATE = "http://service/operations"


async def _operator(desk: Desk) -> None:
    """Give the client a token with the scope operator."""
    async with desk.flow.platform.unit_of_work() as session:
        _, token = await tokens.create_token(
            session,
            keyring=desk.flow.platform.keyring,
            workspace_id=await desk.flow.workspace_id(),
            name="operator",
            scopes=tokens.SCOPES,
            now=clock.now(),
        )
    desk.api.headers["Authorization"] = f"Bearer {token}"


async def test_an_operator_sees_workers_queue_limits_and_mail(desk: Desk) -> None:
    platform = desk.flow.platform
    refused = await desk.api.get(STATE)
    assert refused.status_code == 403
    assert "operator" in refused.json()["errors"][0]["message"]
    await _operator(desk)
    await write_beat(platform, name_worker(platform.settings), "arq")
    silent = name_worker(platform.settings)
    await write_beat(platform, silent, "sweep")
    async with platform.unit_of_work() as session:
        row = await session.get(WorkerBeat, silent.id)
        assert row is not None
        row.live_until = row.beat_at
        run = Run(
            space_id=desk.flow.space_id,
            id="run_1",
            audience_id=desk.flow.audience_id,
            kind="definition",
            trigger="api",
            state="new",
            as_of=clock.now(),
            created_by="test",
        )
        session.add(run)
    answer = await desk.api.get(STATE)
    secrets = {
        "smtp_url": SecretStr("smtp://user:hidden@mail.example.com"),
        "storage_url": "s3://bucket/prefix?access_key=AKIA&secret_key=hidden",
    }
    changed = replace(platform, settings=platform.settings.model_copy(update=secrets))
    shown = await read_installation(changed)
    assert (shown.mail.server, shown.store) == ("mail.example.com", "s3://bucket/prefix")
    assert "hidden" not in repr(shown)
    found = answer.json()["data"]["operations"]
    live = {one["id"]: one["live"] for one in found["workers"]}
    assert sorted(live.values()) == [False, True]
    assert live[silent.id] is False
    assert {one["version"] for one in found["workers"]} == {VERSION}
    assert found["parts"] == {"database": True, "migrations": True, "store": True, "redis": True}
    assert found["migration"] == found["newestMigration"]
    assert found["queue"]["runs"] == 1, found["queue"]
    assert found["oldestDueSeconds"] > 0
    sender = "activations@localhost"
    assert found["mail"] == {"configured": False, "server": None, "sender": sender}
    limits = {one["setting"]: (one["value"], one["unit"]) for one in found["limits"]}
    assert limits["ACTIVATIONS_MAX_BODY_BYTES"] == ("1048576", "bytes")
    assert limits["ACTIVATIONS_HISTORY_KEPT"] == ("2592000", "seconds")
    async with platform.unit_of_work() as session:
        await session.delete(run)
    found = (await desk.api.get(STATE)).json()["data"]["operations"]
    assert set(found["queue"].values()) == {0}
