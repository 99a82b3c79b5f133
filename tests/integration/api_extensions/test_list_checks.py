"""Lists that a request names are looked up at the partner: one that is not there is refused, and silence is a warning."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.activations import list_checks
from tests.integration.api_extensions.test_partner_lists import create


async def connect(
    api: httpx.AsyncClient, audience: str, destination: str, settings: dict[str, Any]
) -> httpx.Response:
    body = {
        "destination": {"id": destination, "type": "destination"},
        "connectionSettings": settings,
    }
    return await api.post(f"audiences/{audience}/destination-connections", json=body)


CASES: tuple[tuple[str, int, dict[str, Any] | None, str | None], ...] = (
    ("AbCdEf", 200, None, "0"),
    ("abcdef", 422, None, None),
    ("ZZZZZZ", 422, None, None),
    ("AbCdEf", 200, {"kind": "status", "status": 500}, "1"),
    ("ZZZZZZ", 200, {"kind": "status", "status": 401}, "1"),
    ("ZZZZZZ", 200, {"kind": "slow", "seconds": 2}, "1"),
)


async def test_the_partners_word_decides(
    api: httpx.AsyncClient, audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_checks, "SECONDS", 0.5)
    klaviyo = KlaviyoEmulator()
    klaviyo.account.new_list("Spring sale", "AbCdEf")
    async with Sandbox([klaviyo]) as sandbox:
        settings = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        destination = await create(api, "klaviyo", **settings)
        for list_id, status, fault, warnings in CASES:
            if fault is not None:
                sandbox.faults.add({**fault, "times": 1})
            answer = await connect(api, audience, destination, {"list_id": list_id})
            assert answer.status_code == status, (list_id, fault, answer.text)
            assert answer.headers.get("X-Activations-Warnings") == warnings
            if status == 200:
                path = f"audiences/{audience}/destination-connections/{destination}"
                assert (await api.delete(path)).status_code == 200
            else:
                assert answer.json()["errors"][0]["field"] == "connectionSettings.list_id"
        path = f"audiences/{audience}/destination-connections/{destination}"
        assert (await connect(api, audience, destination, {})).status_code == 200
        changed = await api.patch(path, json={"connectionSettings": {"list_id": "YYYYYY"}})
        assert changed.status_code == 422
        assert "no list YYYYYY" in changed.json()["errors"][0]["message"]
        changed = await api.patch(path, json={"connectionSettings": {"list_id": "AbCdEf"}})
        assert (changed.status_code, changed.headers["X-Activations-Warnings"]) == (200, "0")
