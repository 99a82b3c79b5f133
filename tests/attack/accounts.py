"""One account of each destination that calls a host of the user's choice, and what an attack sees of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver
from pydantic import ValidationError

from app.connectors import registry
from app.connectors.base import CheckResult, ConnectorTools, Pending, Receipts
from app.connectors.errors import ConnectorError
from app.connectors.http import make_client
from tests.unit.connectors.create import NoExports, create_call, create_delivery
from tests.unit.connectors.file_export.test_stores import private_key

CANARY = "pk_c4n4ry/0123+456789abcdef=="
SIGNING = "whsec_" + "Y2FuYXJ5" * 6


def service_account(token_uri: str) -> str:
    """The key file of a service account whose tokens come from this URL."""
    key = {"type": "service_account", "client_email": "a@b.example", "private_key": private_key()}
    return json.dumps({**key, "token_uri": token_uri})


def settings_of(slug: str, url: str) -> dict[str, Any]:
    """Return settings that make a destination call this URL."""
    url = url.rstrip("/")
    match slug:
        case "webhook":
            return {
                "url": url + "/in?token=" + "c4n4ry-in-the-query",
                "secret": SIGNING,
                "headers": {"X-Key": CANARY},
            }
        case "klaviyo":
            return {"api_key": CANARY, "base_url": url}
        case "braze":
            return {"api_key": CANARY, "rest_endpoint": url}
        case "talon-one":
            return {"api_key": CANARY, "management_key": CANARY, "base_url": url}
        case "s3":
            return {
                "bucket": "files",
                "access_key_id": "AKID",
                "secret_access_key": CANARY,
                "endpoint_url": url,
            }
        case "gcs":
            return {"bucket": "files", "endpoint_url": url}
        case _:
            return {"bucket": "files", "service_account_json": service_account(url)}


SLUGS = ("webhook", "klaviyo", "braze", "talon-one", "s3", "gcs", "gcs token")
_CALLS: dict[str, dict[str, Any]] = {
    "klaviyo": {"target": "AbCdEf"},
    "braze": {"target": None},
    "talon-one": {"target": "7"},
}


@asynccontextmanager
async def connector(
    slug: str,
    url: str,
    allow: str,
    *,
    resolver: AbstractResolver | None = None,
    scratch: str = "/tmp",
    seconds: float = 5,
) -> AsyncIterator[Any]:
    """Open a connector whose calls may go where ``allow`` says. Yields None if the settings are refused."""
    made = registry.get(slug.partition(" ")[0])
    try:
        settings = made.settings_model.model_validate(settings_of(slug, url))
    except ValidationError:
        yield None
        return
    client = make_client(
        outbound_allow=allow,
        total_timeout=timedelta(seconds=seconds),
        connect_timeout=timedelta(seconds=0.5),
        resolver=resolver,
    )

    async def gate(request: Any) -> None:
        return None

    secrets = [CANARY, SIGNING, "c4n4ry-in-the-query"]
    async with client:
        tools = ConnectorTools(client.gated(gate, secrets), NoExports(), scratch)
        yield made(settings, tools)


async def attacked(made: Any, *, delivers: bool = True) -> Sequence[str]:
    """Let a connector check its account and deliver two members. Returns all texts that a user can see of it."""
    texts: list[str] = []
    try:
        result: CheckResult | Receipts | Pending = await made.check({})
        texts.append(repr(result))
    except ConnectorError as error:
        texts += seen_of(error)
    if delivers:
        texts += await _delivered(made)
    return texts


async def _delivered(made: Any) -> Sequence[str]:
    slug = made.definition.slug
    rows = [
        create_delivery(
            key := f"u{n}@example.com",
            key_type="email",
            identifiers={"email": [key], "customerProfileId": [key]},
        )
        for n in range(2)
    ]
    action = made.definition.actions[0].id
    call = create_call(rows=2, action_id=action, **_CALLS.get(slug, {}))
    try:
        return [repr(await made.deliver(call, rows))]
    except ConnectorError as error:
        return seen_of(error)


def seen_of(error: ConnectorError) -> Sequence[str]:
    """Return all texts of an error that are stored or shown."""
    return [str(error), repr(error), error.message, error.code, str(error.vendor_request_id)]


def figures(words: str) -> None:
    """Print a line of figures of an attack."""
    print(f"\n{words}")


attack = pytest.mark.attack
