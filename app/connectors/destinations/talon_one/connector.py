"""The Talon.One destination: check, delivery, audiences and reading back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

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
from app.connectors.destinations.talon_one.client import (
    TalonOneClient,
    TalonOneExists,
    TalonOneRefusal,
)
from app.connectors.destinations.talon_one.definition import DEFINITION, UPDATE_ONE
from app.connectors.destinations.talon_one.memberships import CALL_ROWS, Row, division, said_of
from app.connectors.destinations.talon_one.settings import (
    TalonOneConnectionSettings,
    TalonOneSettings,
)
from app.connectors.division import DIVISIBLE, Division, Reply, Send
from app.connectors.errors import ConfigurationRejected, ConnectorError, Unconfirmed
from app.connectors.identity import identity_of
from app.core.url_paths import path_part
from app.domain.changes import ChangeKind
from app.domain.sent_fields import with_nulls

PROFILE_ID = "customerProfileId"
ID_LENGTH = 1_000
PAGE = 1_000
_MANAGEMENT_PAUSE = 0.34  # three calls per second: https://docs.talon.one/management-api


class TalonOneConnector:
    """One deployment of Talon.One."""

    definition: ClassVar[Definition] = DEFINITION
    settings_model: ClassVar[type[ConnectorSettings]] = TalonOneSettings
    connection_settings_model: ClassVar[type[TalonOneConnectionSettings]] = (
        TalonOneConnectionSettings
    )

    def __init__(self, settings: TalonOneSettings, tools: ConnectorTools) -> None:
        self._client = TalonOneClient(settings, tools.http)

    @classmethod
    def account_of(cls, settings: Any) -> Sequence[str]:
        """Return the address of the deployment, which has one set of audiences for all keys."""
        return (settings.base_url.lower(),)

    @classmethod
    def places_of(cls, site: Site) -> Sequence[str]:
        """Return the audience of the connection. Audiences that a mapping names for single members are not known here."""
        found = site.target or site.connection_settings.get("audience_id")
        return (f"audience:{found}",) if found else ()

    @classmethod
    def rows_per_call(
        cls, settings: Any, connection_settings: Mapping[str, Any], constants: Mapping[str, Any]
    ) -> int:
        """Return the batch size of the mapping, at most 1,000."""
        return max(1, min(int(constants.get("batch_size") or CALL_ROWS), CALL_ROWS))

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Ping with the integration key, and list one audience with the management key."""
        warnings = []
        try:
            status = await self._client.ping()
            if status in (401, 403):
                return CheckResult(
                    ok=False,
                    message="Talon.One refused the key; it is wrong, expired or deleted, or not an integration key",
                )
            if not 200 <= status < 300:
                warnings.append(f"the integration key could not be verified (HTTP {status})")
            if self._client.has_management_key:
                await self._client.manage("/v1/audiences?pageSize=1")
        except ConnectorError as error:
            return CheckResult.failed(error)
        return CheckResult(ok=True, message="the keys are accepted", warnings=warnings)

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Send one request, or one per profile if the action says so."""
        return await self._deliver(call, deliveries, None)

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Continue with the next profiles."""
        return await self._deliver(call, deliveries, handle)

    async def _deliver(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any] | None
    ) -> Receipts | Pending:
        if call.action_id == UPDATE_ONE.id:
            skipped = {i: why for i, one in enumerate(deliveries) if (why := _refusal(one))}
            indexes = [index for index in range(len(deliveries)) if index not in skipped]
            parts = Division(len(indexes), 1, self._updates(call, deliveries, indexes))
        elif call.kind is ChangeKind.UPDATED:
            return Receipts()  # membership did not change, and this action sends nothing else
        else:
            rows, skipped = _rows(call, deliveries)
            indexes, parts = [row.index for row in rows], division(self._client, rows)
        # A handle of an older version is done again, which is harmless.
        pending = await parts.run(handle if handle and "todo" in handle else None)
        if pending is not None:
            return pending
        rejected = {indexes[number]: refusal for number, refusal in parts.rejected.items()}
        return Receipts(rejected=rejected, skipped=skipped)

    def _updates(self, call: Call, deliveries: Sequence[Delivery], indexes: Sequence[int]) -> Send:
        async def send(part: Sequence[int]) -> Reply:
            try:
                await self._update(call, deliveries[indexes[part[0]]])
            except TalonOneRefusal as error:
                if error.http_status not in DIVISIBLE:
                    raise
                return Reply(error=error, said=said_of(error))
            return Reply()

        return send

    async def _update(self, call: Call, delivery: Delivery) -> None:
        options = [f"{name}=true" for name in ("runRuleEngine", "skipNonExistingAttributes") if call.constants.get(name)]  # fmt: skip
        path = f"/v2/customer_profiles/{path_part(_profile_id(delivery))}"
        adds, deletes = _changes(call, delivery)
        is_exit = delivery.kind is ChangeKind.EXITED
        content: dict[str, Any] = {"audiencesChanges": {"adds": adds, "deletes": deletes}}
        cleared = [path for path in delivery.cleared if path[0] == "attributes"]
        attributes = with_nulls(delivery.fields, cleared).get("attributes")
        if isinstance(attributes, Mapping) and attributes and not is_exit:
            content["attributes"] = dict(attributes)
        await self._client.send("PUT", path + ("?" + "&".join(options) if options else ""), content)

    async def create_list(self, name: str, reference: str) -> str:
        """Create an audience with the reference as its integration id, or find the audience that has it."""
        content = {"name": name or reference, "integrationId": reference[:ID_LENGTH]}
        try:
            answer = await self._client.send("POST", "/v2/audiences", content)
        except TalonOneExists as error:
            return await self._adopt(reference, error)
        return _id_of(answer)

    async def _adopt(self, reference: str, error: TalonOneExists) -> str:
        if not self._client.has_management_key:
            raise ConfigurationRejected(
                f"Talon.One already has an audience with the integration id {reference}; set its audience_id, "
                "or a management key to find it",
                http_status=error.http_status,
                code="audience_exists",
            ) from error
        async for entry in self._audiences():
            if entry.get("integrationId") == reference:
                return str(entry["id"])
        raise error

    async def list_lists(self) -> AsyncIterator[tuple[str, str]]:
        """Yield (id, name) of all audiences. Needs the management key."""
        async for entry in self._audiences():
            yield str(entry["id"]), str(entry.get("name") or "")

    async def has_list(self, list_id: str) -> bool:
        """Return whether the application has the audience. Needs the management key."""
        async for entry in self._audiences():
            if str(entry["id"]) == list_id:
                return True
        return False

    async def members(self, target: str) -> AsyncIterator[Sequence[Mapping[str, str]]]:
        """Yield pages of an audience's members: ``{"partner_id", "customerProfileId"}``. Needs the management key."""
        async for page in self._pages(f"/v1/audiences/{path_part(target)}/memberships"):
            yield [
                {"partner_id": profile_id, PROFILE_ID: profile_id}
                for entry in page
                if (profile_id := _member_id(entry))
            ]

    async def _audiences(self) -> AsyncIterator[Mapping[str, Any]]:
        async for page in self._pages("/v1/audiences"):
            for entry in page:
                yield entry

    async def _pages(self, path: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        skip = 0
        while True:
            answer = await self._client.manage(f"{path}?pageSize={PAGE}&skip={skip}")
            page = answer.get("data") or []
            yield page
            skip += len(page)
            # hasMore alone does not decide: where the documents describe it, it is false if a total is given instead.
            if not page or not (answer.get("hasMore") or len(page) == PAGE):
                return
            await asyncio.sleep(_MANAGEMENT_PAUSE)


def _id_of(answer: Mapping[str, Any]) -> str:
    """Return the id of a created audience. Raises Unconfirmed if it has none."""
    found = answer.get("id")
    if not isinstance(found, int):
        raise Unconfirmed("Talon.One created an audience without a numeric id; tried again")
    return str(found)


def _member_id(entry: Mapping[str, Any]) -> str:
    return str(entry.get("integrationId") or entry.get("profileIntegrationId") or "")


def _rows(call: Call, deliveries: Sequence[Delivery]) -> tuple[list[Row], dict[int, Refusal]]:
    rows, skipped = [], {}
    for index, delivery in enumerate(deliveries):
        refusal = _refusal(delivery)
        if refusal is not None:
            skipped[index] = refusal
            continue
        adds, deletes = _changes(call, delivery)
        for action, audiences in (("add", adds), ("delete", deletes)):
            rows += [
                Row(
                    index,
                    {
                        "action": action,
                        "profileIntegrationId": _profile_id(delivery),
                        "audienceId": audience,
                    },
                )
                for audience in audiences
            ]
    return rows, skipped


def _refusal(delivery: Delivery) -> Refusal | None:
    profile_id = _profile_id(delivery)
    if not profile_id:
        return Refusal("no_identifier", "no customerProfileId")
    if len(profile_id) > ID_LENGTH:
        return Refusal("identifier_too_long", "a customerProfileId has at most 1,000 characters")
    return None


def _profile_id(delivery: Delivery) -> str:
    return identity_of(delivery, (PROFILE_ID,)).get(PROFILE_ID, "")


def _changes(call: Call, delivery: Delivery) -> tuple[list[int], list[int]]:
    """Return the audiences to add to and to remove from."""
    if delivery.kind is ChangeKind.UPDATED:
        return [], []
    exits = delivery.kind is ChangeKind.EXITED
    mapped = delivery.fields.get("deletes" if exits else "adds")
    audiences = (
        [int(one) for one in (mapped if isinstance(mapped, list) else [mapped])]
        if mapped
        else [_audience_of(call)]
    )
    return ([], audiences) if exits else (audiences, [])


def _audience_of(call: Call) -> int:
    found = call.target or call.connection_settings.get("audience_id")
    if not found or not str(found).isdecimal():
        raise ConfigurationRejected(
            "no Talon.One audience is named, and none was created", code="no_audience"
        )
    return int(found)
