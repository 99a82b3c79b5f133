"""Retention: only expired rows are removed."""

from __future__ import annotations

from datetime import timedelta

import httpx

from app.core import clock
from app.services.periodic import retention
from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant


async def test_each_has_its_time(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    preview = {"definition": {"query": "SELECT 'p' AS profile_id"}, "audienceType": "USERS"}
    path = f"/spaces/{tenant.space_id}/audiences/previews"
    answer = await api.post(path, json=preview, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200
    kinds = (
        "idempotency_keys",
        "console_sign_outs",
        "previews",
        "audit_events",
        "workers",
        "dataset_contents",
    )
    nothing = dict.fromkeys(kinds, 0)
    for days, gone in (
        (0.9, nothing),
        (1.1, {**nothing, "idempotency_keys": 1}),
        (7.1, {**nothing, "previews": 1}),
        (90.1, {**nothing, "audit_events": 1}),
    ):
        async with platform.unit_of_work() as session:
            found = await retention.forget_old_history(
                session, now=clock.now() + timedelta(days=days)
            )
        assert found == gone, days
