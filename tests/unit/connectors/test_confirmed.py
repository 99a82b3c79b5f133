"""Delivered never exceeds confirmed, whatever a partner responds: rule A, checked by an oracle of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.connectors.base import Connector, ConnectorTools, Pending, Receipts
from app.connectors.destinations.braze.connector import BrazeConnector
from app.connectors.destinations.braze.definition import SUBSCRIBE, TRACK_EVENT, UPDATE
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.talon_one.connector import TalonOneConnector
from app.connectors.destinations.talon_one.definition import UPDATE_MANY, UPDATE_ONE
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.connectors.destinations.webhook.settings import new_secret
from app.connectors.errors import ConnectorError
from app.connectors.http import OutboundClient, make_client
from app.domain.changes import ChangeKind
from app.sandbox.server import Cut, Listener, Outcome, Request
from tests.unit.connectors import confirmations, generated_responses
from tests.unit.connectors.confirmations import Exchange, Oracle
from tests.unit.connectors.create import NoExports, create_call, create_delivery

GROUP = "00000000-0000-4000-8000-000000000001"
Speaks = Callable[[Any, Request], Outcome]


@dataclass(frozen=True)
class Subject:
    """A connector, what its calls say, how many members they carry, and who decides what was confirmed."""

    connector: type[Connector]
    settings: Callable[[str], dict[str, Any]]
    call: dict[str, Any]
    key_type: str
    rows: int
    speaks: Callable[[], Speaks]
    oracle: Oracle


def _braze(url: str) -> dict[str, Any]:
    return {"api_key": "key-1234", "rest_endpoint": url}


def _klaviyo(url: str) -> dict[str, Any]:
    return {"api_key": "pk_1234", "base_url": url}


def _talon_one(url: str) -> dict[str, Any]:
    return {"api_key": "key-1234", "base_url": url}


def _webhook(url: str) -> dict[str, Any]:
    return {"url": f"{url}/hook", "secret": SECRET}


SECRET = new_secret()
responses, oracles = generated_responses, confirmations
SUBJECTS = {
    "webhook": Subject(WebhookConnector, _webhook, {}, "member", 5, lambda: responses.webhook, oracles.webhook),
    "braze": Subject(BrazeConnector, _braze, {"action_id": UPDATE.id}, "external_id", 5, lambda: responses.braze, oracles.braze),
    "braze, events": Subject(BrazeConnector, _braze, {"action_id": TRACK_EVENT.id}, "external_id", 4, lambda: responses.braze, oracles.braze),
    "braze, a group": Subject(
        BrazeConnector, _braze, {"action_id": SUBSCRIBE.id, "connection_settings": {"segment_id": GROUP}},
        "external_id", 3, lambda: responses.braze, oracles.braze_group,
    ),
    "talon.one": Subject(TalonOneConnector, _talon_one, {"action_id": UPDATE_MANY.id, "target": "7"}, "customerProfileId", 5, lambda: responses.talon_one, oracles.talon_one),
    "talon.one, one by one": Subject(TalonOneConnector, _talon_one, {"action_id": UPDATE_ONE.id, "target": "7"}, "customerProfileId", 3, lambda: responses.talon_one, oracles.talon_one),
    "klaviyo": Subject(KlaviyoConnector, _klaviyo, {"target": "AbCdEf"}, "email", 3, responses.Klaviyo, oracles.klaviyo),
    "klaviyo, a job": Subject(KlaviyoConnector, _klaviyo, {"target": "AbCdEf"}, "email", 11, responses.Klaviyo, oracles.klaviyo),
}  # fmt: skip


@dataclass
class Partner:
    """A real HTTP server that says what hypothesis draws, and records it."""

    http: OutboundClient
    url: str = ""
    speaks: Callable[[Request], Outcome] | None = None
    log: list[Exchange] = field(default_factory=list)

    def handle(self, request: Request) -> Outcome:
        assert self.speaks is not None
        outcome = self.speaks(request)
        whole = None if isinstance(outcome, Cut) else outcome
        self.log.append(Exchange(request, whole))
        return outcome


class Stage:
    """One event loop with one server, for all examples of a test."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.partner = self.runner.run(self._open())

    async def _open(self) -> Partner:
        partner = Partner(
            make_client(outbound_allow="127.0.0.1", total_timeout=timedelta(seconds=5))
        )
        self.listener = Listener(partner.handle)
        partner.url = await self.listener.start()
        return partner

    def close(self) -> None:
        async def stop() -> None:
            await self.partner.http.aclose()
            await self.listener.stop()

        self.runner.run(stop())
        self.runner.close()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    opened = Stage()
    yield opened
    opened.close()


async def _receipts(subject: Subject, partner: Partner, kind: ChangeKind) -> Receipts | None:
    """Do one attempt with what it leaves pending. None if it failed, or did not end."""
    made = subject.connector.settings_model.model_validate(subject.settings(partner.url))
    connector: Connector = subject.connector(
        made, ConnectorTools(partner.http, NoExports(), "/none")
    )
    call = create_call(rows=subject.rows, kind=kind, **subject.call)
    rows = [
        create_delivery(
            key, kind=kind, key_type=subject.key_type, identifiers={subject.key_type: key}
        )
        for key in _keys(subject)
    ]
    try:
        result: Receipts | Pending = await connector.deliver(call, rows)
        for _ in range(30):
            if isinstance(result, Receipts):
                return result
            result = await connector.resume(call, rows, dict(result.handle))
    except ConnectorError:
        pass
    return None


def _keys(subject: Subject) -> list[str]:
    end = "@example.com" if subject.key_type == "email" else ""
    return [f"u{number}{end}" for number in range(subject.rows)]


def verify(name: str, stage: Stage, data: st.DataObject) -> None:
    subject, partner = SUBJECTS[name], stage.partner
    speaks = subject.speaks()
    kind = data.draw(st.sampled_from([ChangeKind.ENTERED, ChangeKind.ENTERED, ChangeKind.EXITED]))
    partner.log.clear()
    partner.speaks = lambda request: speaks(data.draw, request)
    receipts = stage.runner.run(_receipts(subject, partner, kind))
    if receipts is None:
        return
    named = {*receipts.rejected, *receipts.skipped, *receipts.unknown}
    delivered = {key for index, key in enumerate(_keys(subject)) if index not in named}
    confirmed = subject.oracle(partner.log, kind is ChangeKind.EXITED)
    assert delivered <= confirmed, (delivered - confirmed, partner.log)


def examples(count: int) -> settings:
    """So many examples, the same ones each time."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=checks)  # fmt: skip


@pytest.mark.parametrize("name", SUBJECTS)
@examples(15)
@given(data=st.data())
def test_what_is_delivered_was_confirmed(name: str, stage: Stage, data: st.DataObject) -> None:
    verify(name, stage, data)


@pytest.mark.chaos
@pytest.mark.parametrize("name", SUBJECTS)
@examples(600)
@given(data=st.data())
def test_of_many_responses(name: str, stage: Stage, data: st.DataObject) -> None:
    verify(name, stage, data)
