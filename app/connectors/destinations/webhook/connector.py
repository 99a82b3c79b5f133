"""The webhook destination: definition, check and delivery."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import orjson

from app.connectors.answers import (
    error_for_answer,
    printable,
    raise_for_answer,
    request_id_of,
    secrets_of,
)
from app.connectors.base import (
    Action,
    ActionField,
    Call,
    CheckResult,
    ConnectorSettings,
    ConnectorTools,
    Definition,
    Delivery,
    IdSync,
    Pending,
    Preset,
    Receipts,
    Refusal,
    Remedy,
    SettingField,
)
from app.connectors.destinations.webhook import payloads, settings
from app.connectors.division import DIVISIBLE, Division, Reply
from app.connectors.errors import ConfigurationRejected, ConnectorError, PayloadRejected
from app.connectors.http import send_request
from app.connectors.messages import Response
from app.core import clock

_REFUSED = "rejected_by_receiver"
_FIELDS = (
    ActionField(
        "url",
        "URL",
        "STRING",
        "Replaces the URL of the destination; the destination's headers are sent only if the server is the same.",
        constant=True,
        accepts=settings.Url,
    ),
    ActionField(
        "method",
        "Method",
        "STRING",
        "The HTTP method.",
        default="POST",
        choices=("POST", "PUT", "PATCH"),
        constant=True,
    ),
    ActionField(
        "headers",
        "Headers",
        "OBJECT",
        "More headers, in ASCII.",
        constant=True,
        accepts=settings.Headers,
    ),
    ActionField(
        "data",
        "Data",
        "OBJECT",
        "In the batch form it is added to each member as `data`; in the single form it is the whole body. "
        "Without it members have identifiers and traits, and the single form sends the whole event.",
    ),
    ActionField(
        "batch_size",
        "Batch size",
        "INTEGER",
        "Members in one message; 0 or 1 sends them one by one.",
        default=100,
        constant=True,
        accepts=settings.Rows,
    ),
    ActionField(
        "batch_keys",
        "Batch keys",
        "STRING",
        "Fields that are equal for all members of a message.",
        multiple=True,
        default=("url", "method", "headers"),
        hidden=True,
        constant=True,
    ),
)

SEND = Action(
    "webhook-send", "send", "Send request", "Post the changes of the audience to the URL.", _FIELDS
)


class WebhookConnector:
    """Posts signed messages to one URL."""

    definition: ClassVar[Definition] = Definition(
        slug="webhook",
        name="Signed webhook",
        description="Posts the changes of an audience to a URL, signed as Standard Webhooks.",
        metadata_id="66a1f0c2d4b8e90011aa0001",
        audience_types=("USERS", "LINKED", "ACCOUNTS"),
        actions=(SEND,),
        presets=tuple(
            Preset(SEND.id, f"Send when {name}", trigger)
            for name, trigger in (
                ("a member enters", "Audience Entered"),
                ("a member exits", "Audience Exited"),
                ("membership changes", "Audience Membership Changed"),
            )
        ),
        connection_settings=(
            SettingField(
                "extras",
                "object",
                label="Extras",
                description="An object merged into every message; type, timestamp and data are reserved.",
            ),
        ),
        default_id_sync=(IdSync("email", "all"), IdSync("user_id", "all")),
        key="member",
        max_rows=settings.MAX_ROWS,
        aliases=("webhook-actions", "actions-webhook-audiences", "actions-webhook"),
        troubleshooting=(
            Remedy(
                "is not public",
                "An operator must allow private addresses: ACTIVATIONS_OUTBOUND_ALLOW.",
            ),
            Remedy(
                "HTTP 401 or 403",
                "The receiver refuses the signature: give it the secret of this account.",
            ),
            Remedy("HTTP 3xx", "Redirects are not followed: enter the address that they lead to."),
        ),
    )
    settings_model: ClassVar[type[ConnectorSettings]] = settings.WebhookSettings
    connection_settings_model: ClassVar[type[settings.WebhookConnectionSettings]] = (
        settings.WebhookConnectionSettings
    )

    def __init__(self, settings: settings.WebhookSettings, tools: ConnectorTools) -> None:
        self._settings = settings
        self._http = tools.http

    @classmethod
    def complete(
        cls, given: Mapping[str, Any], *, previous: Mapping[str, Any] | None, now: datetime
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Generate a missing secret. A replaced secret stays valid for 24 hours.

        Returns:
            Two dictionaries ``{setting: value}``: the settings to store, and the generated secret to show once.
        """
        return settings.complete(given, previous, now)

    @classmethod
    def rows_per_call(
        cls,
        given: settings.WebhookSettings,
        connection_settings: Mapping[str, Any],
        constants: Mapping[str, Any],
    ) -> int:
        """Return the batch size of the activation or the destination; 1 in the single form."""
        if given.form == "single":
            return 1
        size = constants.get("batch_size", given.batch_size)
        return max(1, int(size)) if isinstance(size, int | float) else given.batch_size or 1

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Send ``webhook.test``. Any 2xx is a success."""
        moment = clock.now()
        message_id = f"test_{secrets.token_hex(12)}"
        try:
            response = await self._post(message_id, moment, payloads.body_of_test(moment), {})
            raise_for_answer(response)
        except ConnectorError as error:
            return CheckResult(ok=False, message=error.message)
        return CheckResult(
            ok=True, message=f"the receiver responded with HTTP {response.status_code}"
        )

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Send one message. If it is refused, it is divided, unless the receiver names members that it refuses."""
        return await self._deliver(call, deliveries, None)

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Continue to divide a refused message."""
        return await self._deliver(call, deliveries, handle)

    async def _deliver(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any] | None
    ) -> Receipts | Pending:
        last: list[Response] = []

        async def send(part: Sequence[int]) -> Reply:
            is_whole = len(part) == len(deliveries)
            chosen = deliveries if is_whole else [deliveries[index] for index in part]
            # The id must not contain the separator of the signed text.
            message_id = call.idempotency_key.replace(".", "-")
            if not is_whole:
                message_id += f"-{part[0]}-{len(part)}"
            body = self._body(call, chosen)
            response = await self._post(message_id, call.attempted_at, body, call.constants)
            last[:] = [response]
            return _reply(call, response, chosen)

        parts = Division(len(deliveries), max(1, len(deliveries)), send)
        pending = await parts.run(handle)
        if pending is not None:
            return pending
        return Receipts(
            rejected=parts.rejected,
            http_status=last[0].status_code if last else None,
            vendor_request_id=request_id_of(last[0]) if last else None,
        )

    def _body(self, call: Call, deliveries: Sequence[Delivery]) -> bytes:
        extras = call.connection_settings.get("extras") or {}
        if self._settings.form == "single" and len(deliveries) == 1:
            return payloads.single_body(call, deliveries[0], extras)
        return payloads.batch_body(call, deliveries, extras)

    async def notify(
        self, notice_id: str, made_at: datetime, attempted_at: datetime, content: Mapping[str, Any]
    ) -> None:
        """Send a signed message of the type ``activation.<event>``."""
        body = payloads.body_of_notice(made_at, content)
        raise_for_answer(await self._post(notice_id, attempted_at, body, {}))

    async def _post(
        self, message_id: str, moment: datetime, body: bytes, constants: Mapping[str, Any]
    ) -> Response:
        try:
            url = settings.checked_url(constants.get("url") or self._settings.url)
            more = settings.checked_headers(constants.get("headers") or {})
            # The headers of the destination may hold a key that was entered for its server only.
            own = self._settings.headers if settings.same_server(url, self._settings.url) else {}
        except ValueError as error:
            raise ConfigurationRejected(f"the mapping's url or headers: {error}") from error
        signed = payloads.signed_headers(message_id, moment, body, self._settings.keys_at(moment))
        return await send_request(
            self._http,
            constants.get("method") or self._settings.method,
            url,
            content=body,
            headers={**own, **more, **signed},
        )


def _reply(call: Call, response: Response, deliveries: Sequence[Delivery]) -> Reply:
    """Return what a receiver said. Raises a ConnectorError for a failure that sending less does not heal."""
    if response.status_code == 409 and call.repeats:
        return Reply()  # the receiver has the message from an earlier attempt
    error = error_for_answer(response)
    if isinstance(error, PayloadRejected) and response.status_code in DIVISIBLE:
        return Reply(error=error, said=Refusal(_REFUSED, error.message))
    if error is not None:
        raise error
    return Reply(_refusals(response, deliveries))


def _refusals(response: Response, deliveries: Sequence[Delivery]) -> dict[int, Refusal]:
    """Read the optional extension ``{"rejected": [{"id", "reason"}]}`` of a 2xx; other content refuses no member."""
    if b'"rejected"' not in response.content:
        return {}
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    named = answer.get("rejected") if isinstance(answer, dict) else None
    if not isinstance(named, list):
        return {}
    index_of = {delivery.key: index for index, delivery in enumerate(deliveries)}
    secrets = secrets_of(response)
    refusals = {}
    for entry in named:
        index = index_of.get(str(entry.get("id"))) if isinstance(entry, dict) else None
        if index is not None:
            said = str(entry.get("reason") or "refused by the receiver")
            refusals[index] = Refusal(_REFUSED, printable(said, 300, secrets))
    return refusals
