from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from app.connectors.base.conformance import CHECKS, Check, Subject
from app.connectors.destinations.braze.connector import BrazeConnector
from app.connectors.destinations.braze.definition import SUBSCRIBE, TRACK_EVENT, UPDATE
from app.connectors.destinations.file_export.connector import DownloadConnector
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.talon_one.connector import TalonOneConnector
from app.connectors.destinations.talon_one.definition import UPDATE_MANY, UPDATE_ONE
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.connectors.destinations.webhook.settings import new_secret
from app.sandbox.braze import DEFAULT_KEY as BRAZE_KEY
from app.sandbox.braze import BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.service import Service
from app.sandbox.talon_one import DEFAULT_KEY as TALON_KEY
from app.sandbox.talon_one import DEFAULT_MANAGEMENT_KEY, TalonOneEmulator
from tests.unit.connectors.create import create_delivery

Opened = AbstractAsyncContextManager[Subject]


async def forward(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send a request to the emulator that its URL names."""
    return await client.request(
        request.method,
        request.url,
        content=await request.aread(),
        headers={k: v for k, v in request.headers.items() if k != "transfer-encoding"},
    )


@asynccontextmanager
async def behind(
    emulator: Service, subject: Callable[[str], dict[str, Any]]
) -> AsyncIterator[Subject]:
    async with Sandbox([emulator]) as sandbox, httpx.AsyncClient(trust_env=False) as client:
        respond = partial(forward, client)
        yield Subject(respond=respond, **subject(sandbox.urls[emulator.name]))


@asynccontextmanager
async def webhook(form: str) -> AsyncIterator[Subject]:
    yield Subject(
        WebhookConnector,
        {"url": "https://receiver.example.com/hook", "secret": new_secret(), "form": form},
        deliveries=[
            create_delivery(f"p{number}") for number in range(1 if form == "single" else 3)
        ],
    )


def klaviyo(count: int) -> Opened:
    emulator = KlaviyoEmulator(job_seconds=0.02)
    emulator.account.new_list("VIP", "AbCdEf")

    def person(number: int, **changes: Any) -> Any:
        email = f"p{number}@example.com"
        values: dict[str, Any] = {
            "key_type": "email",
            "key": email,
            "identifiers": {"email": email},
        }
        return create_delivery(**{"profile_id": f"p{number}", **values, **changes})

    return behind(
        emulator,
        lambda url: {
            "connector": KlaviyoConnector,
            "settings": {"api_key": "pk_sandbox", "base_url": url},
            "call": {"target": "AbCdEf", "action_id": None},
            "deliveries": [person(number) for number in range(count)],
            "refused": person(99, key="nobody", identifiers={"email": "nobody"}),
        },
    )


def braze(action_id: str, **more: Any) -> Opened:
    def user(number: int, **changes: Any) -> Any:
        values: dict[str, Any] = {
            "key_type": "external_id",
            "key": f"u{number}",
            "identifiers": {"external_id": f"u{number}"},
        }
        return create_delivery(**{"profile_id": f"p{number}", **values, **changes})

    return behind(
        BrazeEmulator(),
        lambda url: {
            "connector": BrazeConnector,
            "settings": {"api_key": BRAZE_KEY, "rest_endpoint": url},
            "call": {"action_id": action_id, **more},
            "deliveries": [user(number) for number in range(3)],
            "refused": user(99, key_type="member", identifiers={}),
        },
    )


def talon_one(action_id: str, count: int) -> Opened:
    emulator = TalonOneEmulator()
    emulator.new_audience("VIP", "ii_0", 7)

    def profile(number: int, **changes: Any) -> Any:
        values: dict[str, Any] = {
            "key_type": "customerProfileId",
            "key": f"u{number}",
            "identifiers": {"customerProfileId": [f"u{number}"]},
        }
        return create_delivery(**{"profile_id": f"p{number}", **values, **changes})

    return behind(
        emulator,
        lambda url: {
            "connector": TalonOneConnector,
            "settings": {
                "api_key": TALON_KEY,
                "management_key": DEFAULT_MANAGEMENT_KEY,
                "base_url": url,
            },
            "call": {"action_id": action_id, "target": "7"},
            "deliveries": [profile(number) for number in range(count)],
            "refused": profile(99, key="x" * 1_001),
        },
    )


@asynccontextmanager
async def file_download(contents: str) -> AsyncIterator[Subject]:
    yield Subject(
        DownloadConnector,
        {},
        deliveries=[create_delivery(f"p{number}", traits={"plan": "gold"}) for number in range(3)],
        call={"connection_settings": {"contents": contents}, "trait_types": {"plan": "text"}},
    )


SUBJECTS: dict[str, Callable[[], Opened]] = {
    "webhook": lambda: webhook("batch"),
    "webhook, one by one": lambda: webhook("single"),
    "klaviyo": lambda: klaviyo(3),
    "klaviyo, a job": lambda: klaviyo(20),
    "braze": lambda: braze(UPDATE.id),
    "braze, events": lambda: braze(TRACK_EVENT.id),
    "braze, a group": lambda: braze(
        SUBSCRIBE.id,
        connection_settings={"segment_id": "00000000-0000-4000-8000-000000000001"},
    ),
    "talon.one": lambda: talon_one(UPDATE_MANY.id, 3),
    "talon.one, one by one": lambda: talon_one(UPDATE_ONE.id, 30),
    "file": lambda: file_download("delta"),
    "file, a snapshot": lambda: file_download("snapshot"),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SUBJECTS)
async def test_the_built_in_connectors_conform(name: str, check: Check) -> None:
    async with SUBJECTS[name]() as subject:
        await check(subject)
