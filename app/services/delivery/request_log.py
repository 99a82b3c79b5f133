"""Requests to partners as they are shown to people: secrets are masked, long bodies are cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.connectors.echoes import (
    forms_of,
    secrets_sent,
    shown_headers,
    shown_url,
    without_secrets,
)
from app.connectors.http import Gate, Hear
from app.connectors.messages import Request, Response
from app.core.redaction import mask_patterns
from app.services.accounts import Account
from app.services.platform import Platform
from app.storage.models import Sync
from app.storage.repositories.syncs import SyncRepository

BODY_BYTES = 16 * 1024
MOST = 50  # requests that are logged of one test send


def shown_request(request: Request, secrets: Sequence[str]) -> dict[str, Any]:
    """Return ``{method, url, headers, body, truncated}``. The account's ``secrets`` and what looks like one are masked."""
    forms = forms_of(secrets)
    return {
        "method": request.method,
        "url": shown_url(request.url, forms),
        "headers": shown_headers(request),
        **_body(*_masked(request.content, forms)),
    }


@dataclass(slots=True)
class RequestLog:
    """Writes each request of a test send, and each response to it, to the sync's report as it happens.

    A request is committed before it is sent, so that the report also has a request that a crash cuts.
    """

    platform: Platform
    sync: Sync
    account: Account
    _gate: Gate
    _notes: list[dict[str, Any]]  # another attempt continues the list

    async def pass_gate(self, request: Request) -> Hear | None:
        """Pass the account's rate budgets, then log the request. Returns what is called with its response."""
        heard = await self._gate(request)
        if len(self._notes) >= MOST:
            return heard
        note = shown_request(request, self.account.secrets)
        self._notes.append(note)
        await self._keep()

        async def hear(response: Response) -> None:
            if heard is not None:
                await heard(response)
            await self._log_response(note, request, response)

        return hear

    async def _log_response(
        self, note: dict[str, Any], request: Request, response: Response
    ) -> None:
        text, is_whole = _masked(response.content, secrets_sent(request))
        body = _body(mask_patterns(text), is_whole)
        note["answer"] = {"status": response.status_code, **body}
        await self._keep()

    async def _keep(self) -> None:
        async with self.platform.unit_of_work() as session:
            await SyncRepository(session).note(
                self.sync.space_id, self.sync.id, {"requests": self._notes}
            )


def open_request_log(platform: Platform, sync: Sync, account: Account) -> RequestLog:
    """Return the request log of a test send; it continues what earlier attempts have logged."""
    gate = platform.budgets.gate(sync.destination_id, account.definition.rate_budgets, resync=False)
    return RequestLog(
        platform, sync, account, gate, list((sync.report or {}).get("requests") or ())
    )


def _masked(content: bytes, forms: Sequence[str]) -> tuple[str, bool]:
    return without_secrets(content.decode(errors="replace"), forms, BODY_BYTES)


def _body(text: str, is_whole: bool) -> Mapping[str, Any]:
    """Return ``{body, truncated}`` of a masked text. It is masked before it is cut: a cut could leave half a secret."""
    encoded = text.encode()
    return {
        "body": encoded[:BODY_BYTES].decode(errors="replace"),
        "truncated": len(encoded) > BODY_BYTES or not is_whole,
    }
