"""The connector under test, a stand-in for its partner, and one run of both."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from pydantic import BaseModel, SecretStr

from app.connectors.addresses import OutboundPolicy
from app.connectors.base.call import AudienceRef, Call, Delivery, Pending, Receipts
from app.connectors.base.protocols import Connector, ConnectorTools, WholePlan
from app.connectors.http import OutboundClient
from app.connectors.messages import Request
from app.domain.changes import ChangeKind

Respond: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response]]

PLANNED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_MOST_RESUMES = 100
_LONGEST_WAIT = 0.05  # seconds before a resume


class NotConformant(AssertionError):
    """The connector breaks the interface; the message says how."""


async def accept(request: httpx.Request) -> httpx.Response:
    """Respond to every request with 200 and an empty JSON object."""
    return httpx.Response(200, json={}, request=request)


@dataclass(frozen=True)
class Subject:
    """A connector class, and all that a test of it needs.

    ``settings`` are plain valid settings as a user enters them, with made-up secrets. ``respond`` stands in for the
    partner; by default it accepts every request. ``deliveries`` are changes that the partner accepts; by default three
    members who enter. ``refused`` is a change that the connector or ``respond`` refuses, if there is one. ``call`` sets
    further fields of the Call, such as ``action_id``, ``target`` or ``connection_settings``.
    """

    connector: type[Connector]
    settings: Mapping[str, Any]
    respond: Respond = accept
    deliveries: Sequence[Delivery] = ()
    refused: Delivery | None = None
    call: Mapping[str, Any] = field(default_factory=dict)

    def call_of(self, deliveries: Sequence[Delivery], attempted_at: datetime = PLANNED_AT) -> Call:
        """Return the call that carries the deliveries."""
        values: dict[str, Any] = {
            "idempotency_key": f"syn_conformance-1-0-{len(deliveries)}",
            "space_id": "spa_conformance",
            "audience": AudienceRef("aud_conformance", "vip", "VIP"),
            "activation_id": "act_conformance",
            "connection_id": "ii_conformance",
            "sync_id": "syn_conformance",
            "seq": 1,
            "number": 1,
            "count": 1,
            "kind": None if self.connector.definition.whole_plan else ChangeKind.ENTERED,
            "resync": False,
            "planned_at": PLANNED_AT,
            "attempted_at": attempted_at,
            "rows": len(deliveries),
            "action_id": self.connector.definition.actions[0].id,
        }
        return Call(**{**values, **self.call})

    def accepted(self) -> Sequence[Delivery]:
        """Return the changes that the partner accepts."""
        return self.deliveries or [self._member(number) for number in range(3)]

    def _member(self, number: int) -> Delivery:
        fields = self.connector.definition.identity_fields
        name, value = (fields[0].name if fields else "email"), f"member{number}@example.com"
        is_member = self.connector.definition.key == "member"
        return Delivery(
            kind=ChangeKind.ENTERED,
            key_type="member" if is_member else name,
            key=f"member{number}" if is_member else value,
            profile_id=f"member{number}",
            identifiers={name: value},
            traits={},
        )


Check: TypeAlias = Callable[[Subject], Awaitable[None]]


class Partner(httpx.AsyncBaseTransport):
    """Stands in for the partner's server. Records each request as (method, URL, body)."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[tuple[str, str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Record the request and return the response of ``respond``."""
        body = await request.aread()
        self.requests.append((request.method, str(request.url), body))
        response = await self.respond(request)
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        stream = _Unread(await response.aread())
        return httpx.Response(response.status_code, headers=headers, stream=stream)


class _Unread(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Exports:
    """An export folder in memory. ``fails`` lets it refuse files, as a full disk does."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []
        self.fails = False

    async def publish(self, key: str, local_path: str) -> None:
        """Keep the content of a file. Raises OSError if ``fails`` is set."""
        if self.fails:
            raise OSError("no space left on device")
        self.files.append((key, await asyncio.to_thread(Path(local_path).read_bytes)))


@dataclass
class Session:
    """A new connector with a new partner, as in a new process."""

    subject: Subject
    connector: Any
    partner: Partner
    exports: Exports
    scratch: Path
    secrets: Sequence[str]

    def sent(self) -> list[Any]:
        """Return all that left the connector: requests, then files."""
        return [*self.partner.requests, *self.exports.files]

    async def start(
        self, call: Call, deliveries: Sequence[Delivery], *, hangs: bool = False
    ) -> Receipts | Pending:
        """Call ``deliver``, or the method for whole plans, whose stream does not end if it ``hangs``.

        Raises NotConformant if the result has another type.
        """
        if not (call.kind is None and isinstance(self.connector, WholePlan)):
            result = await self.connector.deliver(call, deliveries)
        elif self.connector.wants_members(call):
            result = await self.connector.replace(call, _chunks(deliveries, hangs))
        else:
            result = await self.connector.deliver_all(call, _chunks(deliveries, hangs))
        if not isinstance(result, Receipts | Pending):
            raise NotConformant(f"deliver returned {type(result).__name__}")
        return result

    async def finish(
        self, call: Call, deliveries: Sequence[Delivery], result: Receipts | Pending
    ) -> Receipts:
        """Resume until there are receipts. Raises NotConformant if it never ends."""
        for _ in range(_MOST_RESUMES):
            if isinstance(result, Receipts):
                return result
            await asyncio.sleep(min(result.check_after.total_seconds(), _LONGEST_WAIT))
            handle = json.loads(json.dumps(dict(result.handle)))
            result = await self.connector.resume(call, deliveries, handle)
        raise NotConformant(f"still pending after {_MOST_RESUMES} resumes")


async def _chunks(deliveries: Sequence[Delivery], hangs: bool) -> AsyncIterator[Sequence[Delivery]]:
    for delivery in deliveries:
        yield [delivery]
        if hangs:
            await asyncio.Event().wait()


@asynccontextmanager
async def session(subject: Subject, respond: Respond | None = None) -> AsyncIterator[Session]:
    """Open a session. ``respond`` replaces the partner of the subject."""
    settings = subject.connector.settings_model.model_validate(dict(subject.settings))
    secrets = list(secrets_of(settings))
    partner, exports = Partner(respond or subject.respond), Exports()
    client = OutboundClient(
        total_timeout=timedelta(seconds=20), policy=OutboundPolicy(), transport=partner
    )
    with tempfile.TemporaryDirectory() as scratch:
        async with client:
            tools = ConnectorTools(client.gated(_open, secrets), exports, scratch)
            connector = subject.connector(settings, tools)
            yield Session(subject, connector, partner, exports, Path(scratch), secrets)


async def _open(request: Request) -> None:
    """Let each request pass."""


def secrets_of(value: Any) -> Iterator[str]:
    """Yield the values of all SecretStr in settings."""
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from secrets_of(getattr(value, name))
        case Mapping():
            for one in value.values():
                yield from secrets_of(one)
        case list() | tuple():
            for one in value:
                yield from secrets_of(one)
        case _:
            pass
