"""The Braze destination: check and delivery."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from app.connectors.base import (
    Call,
    CheckResult,
    ConnectorSettings,
    ConnectorTools,
    Definition,
    Delivery,
    Pending,
    Receipts,
    Refusal,
)
from app.connectors.destinations.braze import client, payloads
from app.connectors.destinations.braze.client import BrazeClient, BrazeRefusal, BrazeTooMany
from app.connectors.destinations.braze.definition import DEFINITION, SUBSCRIBE, TRACK_EVENT
from app.connectors.destinations.braze.payloads import Row
from app.connectors.destinations.braze.settings import (
    DEFAULT_ROWS,
    GROUP_ROWS,
    MOST_ROWS,
    BrazeConnectionSettings,
    BrazeSettings,
)
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
)
from app.core import clock
from app.domain.changes import ChangeKind

_NOBODY = "activations-connection-check"


class BrazeConnector:
    """One Braze workspace."""

    definition: ClassVar[Definition] = DEFINITION
    settings_model: ClassVar[type[ConnectorSettings]] = BrazeSettings
    connection_settings_model: ClassVar[type[BrazeConnectionSettings]] = BrazeConnectionSettings

    def __init__(self, settings: BrazeSettings, tools: ConnectorTools) -> None:
        self._settings = settings
        self._client = BrazeClient(settings, tools.http)

    @classmethod
    def rows_per_call(
        cls, settings: Any, connection_settings: Mapping[str, Any], constants: Mapping[str, Any]
    ) -> int:
        """Return the batch size of the mapping or the connection: at most 75, or 50 with a subscription group."""
        size = constants.get("batch_size") or connection_settings.get("batch_size") or DEFAULT_ROWS
        most = GROUP_ROWS if connection_settings.get("segment_id") else MOST_ROWS
        return max(1, min(int(size), most))

    @classmethod
    def cost(cls, call: Call, deliveries: Sequence[Delivery]) -> int:
        """Return data points: one per written attribute or event, none for a subscription's state."""
        if call.action_id == SUBSCRIBE.id:
            return 0
        if call.action_id == TRACK_EVENT.id:
            return len(payloads.events(call, deliveries, None)[0])
        return payloads.data_points(payloads.attributes(call, deliveries)[0])

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Send an empty write: Braze has no ping, and responds with 400 if the key is valid."""
        moment = clock.now()
        group = connection_settings.get("segment_id")
        try:
            with contextlib.suppress(
                PayloadRejected
            ):  # the empty body is refused: the key was accepted
                await self._client.post(client.TRACK, b'{"attributes":[]}', moment)
            if group:
                path = f"{client.GET_STATUS}?subscription_group_id={quote(group)}&external_id[]={_NOBODY}"
                return await self._check_group(path)
        except ConnectorError as error:
            return CheckResult(ok=False, message=error.message)
        return CheckResult(ok=True, message="the key is accepted")

    async def _check_group(self, path: str) -> CheckResult:
        words = "with a subscription group the key also needs subscription.status.set"
        try:
            await self._client.get(path, clock.now())
        except AuthenticationRejected:
            warning = f"{words}; the group could not be read (needs subscription.status.get)"
            return CheckResult(ok=True, message="the key is accepted", warnings=(warning,))
        except PayloadRejected as error:
            return CheckResult(ok=False, message=f"the subscription group: {error.message}")
        return CheckResult(ok=True, message="the key can read the group", warnings=(words,))

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Send one request, and a second one for the subscription group."""
        if call.action_id == SUBSCRIBE.id:
            return await self._subscribe(call, deliveries, {})
        if call.action_id == TRACK_EVENT.id:
            rows, skipped = payloads.events(call, deliveries, self._settings.app_id)
            rejected = await self._track(call, "events", rows)
            return Receipts(rejected=rejected, skipped=skipped)
        rows, skipped = payloads.attributes(call, deliveries)
        rejected = await self._track(call, "attributes", rows)
        if call.connection_settings.get("segment_id") and call.kind is not ChangeKind.UPDATED:
            return await self._subscribe(call, deliveries, rejected)
        return Receipts(rejected=rejected, skipped=skipped)

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Raise ConfigurationRejected: a call of Braze is never pending."""
        raise ConfigurationRejected("Braze leaves nothing pending")

    async def _track(
        self, call: Call, array: str, rows: Sequence[Row], *, again: bool = True
    ) -> dict[int, Refusal]:
        """Write rows. Halve a body that is too large; if Braze names wrong objects, send the others once."""
        if not rows:
            return {}
        try:
            errors = await self._client.post(
                client.TRACK, payloads.track(array, rows), call.attempted_at
            )
        except BrazeTooMany:
            if len(rows) == 1:
                raise
            half = len(rows) // 2
            first = await self._track(call, array, rows[:half])
            return {**first, **await self._track(call, array, rows[half:])}
        except BrazeRefusal as error:
            named = _refusals(error.named, array, rows)
            if not named or not again:
                raise
            rest = [row for row in rows if row.index not in named]
            return {**named, **await self._track(call, array, rest, again=False)}
        return _refusals(errors, array, rows)

    async def _subscribe(
        self, call: Call, deliveries: Sequence[Delivery], rejected: Mapping[int, Refusal]
    ) -> Receipts:
        group = call.connection_settings.get("segment_id")
        if not group:
            raise ConfigurationRejected(
                "the connection names no subscription group (segment_id)", code="no_group"
            )
        if call.kind is ChangeKind.UPDATED:
            return Receipts(rejected=rejected)
        bodies, skipped = payloads.subscriptions(str(group), call.kind, deliveries, rejected)
        for body in bodies:
            # Several bodies if members leave a group that is no longer named: batches are not cut for it.
            await self._client.post(client.SET_STATUS, body, call.attempted_at)
        return Receipts(rejected=rejected, skipped=skipped)


def _refusals(
    errors: Sequence[client.NamedError], array: str, rows: Sequence[Row]
) -> dict[int, Refusal]:
    return {
        rows[error.index].index: Refusal(
            "rejected_by_braze", error.message, f"/{array}/{error.index}"
        )
        for error in errors
        if error.array in (array, "None") and 0 <= error.index < len(rows)
    }
