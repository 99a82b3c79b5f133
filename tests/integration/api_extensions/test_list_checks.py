"""Lists that a request names are looked up at the partner: one that is not there is refused, and silence is a warning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.talon_one import TalonOneEmulator
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


@asynccontextmanager
async def klaviyo_account(api: httpx.AsyncClient) -> AsyncIterator[tuple[Sandbox, str]]:
    """An account at an emulator that has the list AbCdEf."""
    klaviyo = KlaviyoEmulator()
    klaviyo.account.new_list("Spring sale", "AbCdEf")
    async with Sandbox([klaviyo]) as sandbox:
        settings = {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        yield sandbox, await create(api, "klaviyo", **settings)


CASES: tuple[tuple[str, int, dict[str, Any] | None, str | None], ...] = (
    ("AbCdEf", 200, None, "0"),
    ("abcdef", 422, None, None),
    ("ZZZZZZ", 422, None, None),
    ("AbCdEf", 200, {"kind": "status", "status": 500}, "1"),
    ("ZZZZZZ", 200, {"kind": "status", "status": 401}, "1"),
    ("ZZZZZZ", 200, {"kind": "slow", "seconds": 2}, "1"),
)


@pytest.mark.walk
async def test_the_partners_word_decides(
    api: httpx.AsyncClient, audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_checks, "SECONDS", 0.5)
    async with klaviyo_account(api) as (sandbox, destination):
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


NEW = {
    "performResync": False,
    "activationType": "Audience Membership Changed",
    "activationName": "Spring",
}
ARMS = [{"name": "A", "weight": 1}, {"name": "B", "weight": 1, "list": {"id": "AbCdEf"}}]


@pytest.mark.walk
async def test_lists_of_options_are_looked_up_and_checks_ask_again(
    api: httpx.AsyncClient, audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_checks, "SECONDS", 0.5)
    async with klaviyo_account(api) as (sandbox, destination):
        connected = await connect(api, audience, destination, {})
        connection = connected.json()["data"]["connection"]["id"]
        path = f"audiences/{audience}/destination-connections/{connection}/activations"
        made = (await api.post(path, json=NEW)).json()["data"]["activation"]["id"]
        one = f"audiences/{audience}/activations/{made}"
        refused = [
            ({"list": {"id": "ZZZZZZ"}}, "list.id"),
            ({"split": {"arms": [ARMS[1], {**ARMS[0], "list": {"id": "abcdef"}}]}}, "split.arms.1.list.id"),
        ]  # fmt: skip
        for changes, field in refused:
            answer = await api.patch(f"{one}/delivery-options", json=changes)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
        kept = (await api.get(f"{one}/delivery-options")).json()["data"]["deliveryOptions"]
        assert (kept["list"], kept["split"]) == (None, None)

        answer = await api.patch(f"{one}/delivery-options", json={"split": {"arms": ARMS}})
        assert (answer.status_code, answer.json()["data"]["warnings"]) == (200, [])
        sandbox.faults.add({"kind": "slow", "seconds": 2, "times": 1})
        answer = await api.patch(
            f"{one}/delivery-options", json={"split": None, "list": {"id": "ZZZZZZ"}}
        )
        assert answer.status_code == 200, answer.text
        warned = [(one["field"], one["code"]) for one in answer.json()["data"]["warnings"]]
        assert warned == [("list.id", "list_not_checked")]
        assert answer.headers["X-Activations-Warnings"] == "1"

        checks = (await api.get(f"{one}/checks")).json()["data"]["warnings"]
        assert [(one["field"], one["code"]) for one in checks] == [("list.id", "list_not_found")]
        assert "Klaviyo has no list ZZZZZZ" in checks[0]["message"]


async def test_audiences_of_talon_one_are_looked_up(api: httpx.AsyncClient, audience: str) -> None:
    talon_one = TalonOneEmulator()
    known = talon_one.new_audience("Spring", "spring").id
    async with Sandbox([talon_one]) as sandbox:
        settings = {
            "api_key": "talon-sandbox-key",
            "management_key": "talon-sandbox-management-key",
            "base_url": sandbox.urls["talon_one"],
        }
        destination = await create(api, "talon-one", **settings)
        for audience_id, status in ((str(known + 1), 422), (str(known), 200)):
            answer = await connect(api, audience, destination, {"audience_id": audience_id})
            assert answer.status_code == status, answer.text
