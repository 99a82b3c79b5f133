"""Requests to partners as they are shown to people: without secrets, and not whole where they are long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from app.connectors.echoes import (
    forms_of,
    secrets_sent,
    shown_headers,
    shown_url,
    without_secrets,
)
from app.connectors.http import Hear
from app.core.redaction import mask_patterns
from app.services.delivery.loaded_sync import LoadedSync
from app.storage.repositories.syncs import SyncRepository

BODY_BYTES = 16 * 1024
MOST = 50  # requests that are noted of one test send


def shown_request(request: httpx.Request, secrets: Sequence[str]) -> dict[str, Any]:
    """``{method, url, headers, body, truncated}``; what may be a secret is masked, as are the account's ``secrets``."""
    forms = forms_of(secrets)
    return {
        "method": request.method,
        "url": shown_url(request.url, forms),
        "headers": shown_headers(request),
        **_body(*_masked(request.content, forms)),
    }


def logging_client(sending: LoadedSync) -> LoadedSync:
    """The same, but every request that it makes and every answer is written to its sync's report as it happens.

    A request is committed before it goes out, so that what a crash cuts is there as well.
    """
    platform, sync = sending.platform, sending.sync
    definition = sending.account.definition
    gate = platform.budgets.gate(sync.destination_id, definition.rate_budgets, resync=False)
    notes: list[dict[str, Any]] = list((sync.report or {}).get("requests") or ())

    async def keep() -> None:
        # Another try begins from what this one has noted.
        sync.report = {**(sync.report or {}), "requests": list(notes)}
        async with platform.unit_of_work() as session:
            await SyncRepository(session).note(sync.space_id, sync.id, {"requests": notes})

    async def pass_gate(request: httpx.Request) -> Hear | None:
        heard = await gate(request)
        if len(notes) >= MOST:
            return heard
        note = shown_request(request, sending.account.secrets)
        notes.append(note)
        await keep()

        async def hear(response: httpx.Response) -> None:
            if heard is not None:
                await heard(response)
            text, is_whole = _masked(response.content, secrets_sent(request))
            body = _body(mask_patterns(text), is_whole)
            note["answer"] = {"status": response.status_code, **body}
            await keep()

        return hear

    connector = sending.connector_with(platform.http.gated(pass_gate, sending.account.secrets))
    return replace(sending, connector=connector)


def _masked(content: bytes, forms: Sequence[str]) -> tuple[str, bool]:
    return without_secrets(content.decode(errors="replace"), forms, BODY_BYTES)


def _body(text: str, is_whole: bool) -> Mapping[str, Any]:
    """Masked before it is cut: a cut could leave half a secret."""
    encoded = text.encode()
    return {
        "body": encoded[:BODY_BYTES].decode(errors="replace"),
        "truncated": len(encoded) > BODY_BYTES or not is_whole,
    }
