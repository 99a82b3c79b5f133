"""Columns of the database, and responses that are kept for repeated requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.crypto import Binding
from app.services.tenancy import keep_response, record_event
from app.storage.models import (
    Attempt,
    Audience,
    AuditEvent,
    Batch,
    IdempotencyKey,
    Notice,
    Sync,
)
from tests.flow import Flow
from tests.integration.services.erasure.leaks import ADA, GRACE, erase, leaks

pytestmark = pytest.mark.installation(stepped=True)

WORDS = "The address ada@example.com was refused; see https://p.example/ada%40example.com."


@pytest.mark.walk
async def test_names_in_reports_of_partners_are_replaced(flow: Flow) -> None:
    activation = await flow.activate(resync=True)
    await flow.upload([ADA, GRACE])
    sync = await flow.quiet(activation)
    number = (await flow.batches(sync.id))[0].number
    async with flow.platform.unit_of_work() as session:
        row = await session.get_one(Sync, (flow.space_id, sync.id))
        batch = await session.get_one(Batch, (flow.space_id, sync.id, number))
        attempt = await session.get_one(Attempt, (flow.space_id, sync.id, number, 1))
        row.rejections = {"counts": {"bad": 1}, "samples": [{"row": 0, "message": WORDS}]}
        row.report = {"profileId": "p-ada-17", "requests": [{"body": {"email": "ada@example.com"}}]}
        batch.receipts = {"rejected": {"0": {"code": "bad", "message": WORDS}}}
        attempt.error = WORDS
        await record_event(
            session,
            space_id=flow.space_id,
            type="Test",
            actor="token",
            resource_type="audience",
            resource_id="p-ada-17",
            resource_name="Ada (ada@example.com)",
            before={"definition": {"query": "SELECT 1"}},
            after={"definition": {"query": "SELECT 'ada@example.com' AS email, 1"}},
        )
    erasure = await erase(flow)
    assert await leaks(flow, "ada@example.com", "p-ada-17", "ada%40example.com") == []
    async with flow.platform.unit_of_work() as session:
        row = await session.get_one(Sync, (flow.space_id, sync.id))
        assert row.rejections is not None
        assert row.rejections["samples"][0]["message"].startswith(
            "The address [erased] was refused"
        )
        changes = (
            await session.scalars(select(AuditEvent.changes).where(AuditEvent.type == "Test"))
        ).one()
        assert changes is not None
        assert changes["fields"][0]["after"] == "SELECT '[erased]' AS email, 1"
    assert {"sync", "batch", "attempt", "audit_event"} <= set(erasure.found["places"])


@pytest.mark.walk
async def test_a_notice_that_is_still_to_be_sent_does_not_name_the_person(flow: Flow) -> None:
    activation = await flow.activate(enabled=False)
    await flow.upload([ADA, GRACE])
    async with flow.platform.unit_of_work() as session:
        session.add(
            Notice(
                space_id=flow.space_id,
                id="ntc_1",
                activation_id=activation,
                sync_id=None,
                event="failed",
                channel="email",
                recipient="ops@example.com",
                content={"activationName": "Buyers", "reason": WORDS},
                next_at=clock.now() + timedelta(hours=1),
            )
        )
    await erase(flow)
    assert await leaks(flow, "ada@example.com", "ada%40example.com") == []
    async with flow.platform.unit_of_work() as session:
        notice = await session.get_one(Notice, (flow.space_id, "ntc_1"))
        assert (notice.state, notice.recipient) == ("new", "ops@example.com")
        assert notice.content["reason"].startswith("The address [erased] was refused")


@pytest.mark.walk
async def test_stored_responses_and_paths_of_requests(flow: Flow) -> None:
    await flow.upload([ADA, GRACE])
    workspace_id = await flow.workspace_id()
    keyring = flow.platform.keyring

    def kept(key: str, request: str, response: bytes) -> dict[str, Any]:
        return {
            "keyring": keyring,
            "workspace_id": workspace_id,
            "key": key,
            "request": request,
            "body": b"",
            "status": 200,
            "response": response,
            "now": clock.now(),
        }

    async with flow.platform.unit_of_work() as session:
        keep_response(session, **kept("one", "POST /tests", b'{"email": "ada@example.com"}'))
        keep_response(session, **kept("two", "DELETE /spaces/s/profiles/p-ada-17", b"{}"))
        keep_response(session, **kept("three", "POST /other", b'{"email": "grace@example.com"}'))
    await erase(flow)
    async with flow.platform.unit_of_work() as session:
        assert await session.get(IdempotencyKey, (workspace_id, "two")) is None
        texts = []
        for key in ("one", "three"):
            row = await session.get(IdempotencyKey, (workspace_id, key))
            assert row is not None
            assert row.response is not None
            binding = Binding(workspace_id, "idempotency_key", key, "response")
            texts.append(keyring.decrypt(row.response, binding))
    assert texts == [b'{"email":"[erased]"}', b'{"email": "grace@example.com"}']


@pytest.mark.walk
async def test_the_configuration_is_reported_and_not_changed(flow: Flow) -> None:
    await flow.upload([ADA, GRACE])
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        audience.description = "All but ada@example.com"
    erasure = await erase(flow)
    assert erasure.found["configured"] == [
        {"table": "audience", "id": flow.audience_id, "column": "description"}
    ]
