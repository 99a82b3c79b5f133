"""The Braze destination: check and delivery."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    Site,
)
from app.connectors.destinations.braze import client, payloads
from app.connectors.destinations.braze.client import BrazeClient, BrazeRefusal
from app.connectors.destinations.braze.definition import DEFINITION, SUBSCRIBE, TRACK_EVENT
from app.connectors.destinations.braze.payloads import Row
from app.connectors.destinations.braze.settings import (
    DEFAULT_ROWS,
    GROUP_ROWS,
    MOST_ROWS,
    BrazeConnectionSettings,
    BrazeSettings,
)
from app.connectors.division import Division, Reply
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
)
from app.core import clock
from app.domain.changes import ChangeKind

_REFUSED = "rejected_by_braze"
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
    def account_of(cls, settings: Any) -> Sequence[str]:
        """Return endpoint and key: an attribute has its name in one Braze workspace only."""
        return settings.rest_endpoint.lower(), settings.api_key.get_secret_value()

    @classmethod
    def places_of(cls, site: Site) -> Sequence[str]:
        """Return the attribute and the subscription group that an action writes. An event leaves no state."""
        if site.action_id == TRACK_EVENT.id:
            return ()
        group = site.connection_settings.get("segment_id")
        groups = [f"group:{group}"] if group else []
        if site.action_id == SUBSCRIBE.id:
            return groups
        name = payloads.attribute_at(
            site.constants, site.connection_settings, site.audience_key, site.arm
        )
        return [f"attribute:{name}", *groups]

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
            return CheckResult.failed(error)
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
        """Send one request, and a second one for the subscription group. A refused request is divided."""
        return await self._deliver(call, deliveries, None)

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Continue to divide a refused request."""
        return await self._deliver(call, deliveries, handle)

    async def _deliver(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any] | None
    ) -> Receipts | Pending:
        if call.action_id == SUBSCRIBE.id:
            return await self._subscribe(call, deliveries, Receipts())
        if call.action_id == TRACK_EVENT.id:
            rows, skipped = payloads.events(call, deliveries, self._settings.app_id)
            notes: Mapping[int, Refusal] = {}
            parts = self._division(call, "events", rows)
        else:
            rows, skipped, notes = payloads.attributes(call, deliveries)
            parts = self._division(call, "attributes", rows)
        pending = await parts.run(handle)
        if pending is not None:
            return pending
        rejected = {rows[number].index: one for number, one in parts.rejected.items()}
        unknown = {rows[number].index: one for number, one in parts.unknown.items()}
        ended = {*rejected, *unknown, *skipped}
        notes = {index: note for index, note in notes.items() if index not in ended}
        receipts = Receipts(rejected=rejected, skipped=skipped, unknown=unknown, notes=notes)
        if (
            call.action_id != TRACK_EVENT.id
            and call.connection_settings.get("segment_id")
            and call.kind is not ChangeKind.UPDATED
        ):
            return await self._subscribe(call, deliveries, receipts)
        return receipts

    def _division(self, call: Call, array: str, rows: Sequence[Row]) -> Division:
        # A user who exits and is not counted is unknown to Braze, so nothing is left there.
        counts = array == "attributes" and call.kind is not ChangeKind.EXITED

        async def send(part: Sequence[int]) -> Reply:
            body = payloads.track(array, [rows[number] for number in part])
            try:
                accepted = await self._client.post(client.TRACK, body, call.attempted_at, array)
            except BrazeRefusal as error:
                alone = Refusal(_REFUSED, error.message)
                return Reply(_named(error.named, array, len(part)), error, said=alone)
            return _reply(accepted, array, len(part), counts=counts)

        return Division(len(rows), max(1, len(rows)), send)

    async def _subscribe(
        self, call: Call, deliveries: Sequence[Delivery], before: Receipts
    ) -> Receipts:
        """Set the state of the group for all but those that ``before`` rejects. Returns the receipts of both requests."""
        group = call.connection_settings.get("segment_id")
        if not group:
            raise ConfigurationRejected(
                "the connection names no subscription group (segment_id)", code="no_group"
            )
        if call.kind is ChangeKind.UPDATED:
            return before
        bodies, skipped = payloads.subscriptions(str(group), call.kind, deliveries, before.rejected)
        said = ""
        for body in bodies:
            # Several bodies if members leave a group that is no longer named: batches are not cut for it.
            accepted = await self._client.post(client.SET_STATUS, body, call.attempted_at)
            said = said or accepted.other or "; ".join(one.message for one in accepted.named)
        ended = {*before.rejected, *skipped}
        unknown = {index: one for index, one in before.unknown.items() if index not in skipped}
        if said:  # nobody can be matched to an error of a group
            words = Refusal("unmatched", f"Braze accepted the call with: {said}")
            sent = (index for index in range(len(deliveries)) if index not in ended)
            unknown = {**dict.fromkeys(sent, words), **unknown}
        notes = {i: one for i, one in before.notes.items() if i not in skipped and i not in unknown}
        return replace(before, skipped=skipped, unknown=unknown, notes=notes)


def _reply(accepted: client.Accepted, array: str, count: int, *, counts: bool) -> Reply:
    """Return what a success says of ``count`` objects; with ``counts``, all that are not named must be counted."""
    named = _named(accepted.named, array, count)
    outside = len(
        {error.index for error in accepted.named if error.array in (array, "None")}
    ) > len(named)
    if accepted.other or outside:
        words = accepted.other or "errors that name no user of the call"
        return Reply(named, unknown=Refusal("unmatched", f"Braze accepted the call with: {words}"))
    if counts and accepted.taken is not None and accepted.taken < count - len(named):
        short = Refusal("not_counted", f"Braze counted {accepted.taken} of {count} users of a call")
        return Reply(named, unknown=short, divide=accepted.taken > 0)
    return Reply(named)


def _named(errors: Sequence[client.NamedError], array: str, count: int) -> dict[int, Refusal]:
    """Return refusals by position. An index outside the call names no user."""
    return {
        error.index: Refusal(_REFUSED, error.message, f"/{array}/{error.index}")
        for error in errors
        if error.array in (array, "None") and 0 <= error.index < count
    }
