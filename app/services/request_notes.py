"""Requests to partners as they are shown to people: without secrets, and not whole where they are long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from app.connectors.echoes import shown_headers, shown_url, without_echoes
from app.connectors.http import Hear
from app.core.logging import without_live_secrets
from app.services.sending import Sending
from app.storage.repositories.syncs import SyncRepository

BODY_BYTES = 16 * 1024
MOST = 50  # requests that are noted of one test send


def shown(request: httpx.Request) -> dict[str, Any]:
    """``{method, url, headers, body, truncated}``; what may be a secret is masked."""
    return {
        "method": request.method,
        "url": shown_url(request.url),
        "headers": shown_headers(request),
        **_body(request.content, without_live_secrets),
    }


def noting(sending: Sending) -> Sending:
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
        note = shown(request)
        notes.append(note)
        await keep()

        async def hear(response: httpx.Response) -> None:
            if heard is not None:
                await heard(response)
            mask = partial(without_echoes, request=request)
            note["answer"] = {"status": response.status_code, **_body(response.content, mask)}
            await keep()

        return hear

    connector = sending.connector_with(platform.http.gated(pass_gate))
    return replace(sending, connector=connector)


def _body(content: bytes, mask: Callable[[str], str]) -> Mapping[str, Any]:
    """Masked before it is cut: a cut could leave half a secret."""
    text = mask(content.decode(errors="replace")).encode()
    return {
        "body": text[:BODY_BYTES].decode(errors="replace"),
        "truncated": len(text) > BODY_BYTES,
    }
