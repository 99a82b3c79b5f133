"""The Klaviyo destination: check, delivery, lists and reading back."""

from __future__ import annotations

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
    Site,
)
from app.connectors.destinations.klaviyo import payloads
from app.connectors.destinations.klaviyo.additions import JOB_ROWS, Additions
from app.connectors.destinations.klaviyo.client import (
    LIST_PAGE,
    PAGE,
    KlaviyoClient,
    KlaviyoNotFound,
    data_of,
    list_path,
)
from app.connectors.destinations.klaviyo.definition import DEFINITION, UPSERT
from app.connectors.destinations.klaviyo.import_jobs import is_working
from app.connectors.destinations.klaviyo.progress import Progress
from app.connectors.destinations.klaviyo.removals import Removals
from app.connectors.destinations.klaviyo.settings import (
    KlaviyoConnectionSettings,
    KlaviyoSettings,
)
from app.connectors.errors import ConfigurationRejected, ConnectorError
from app.domain.changes import ChangeKind

_SMALLEST_BATCH = 100


class KlaviyoConnector:
    """One Klaviyo account."""

    definition: ClassVar[Definition] = DEFINITION
    settings_model: ClassVar[type[ConnectorSettings]] = KlaviyoSettings
    connection_settings_model: ClassVar[type[KlaviyoConnectionSettings]] = KlaviyoConnectionSettings

    def __init__(self, settings: KlaviyoSettings, tools: ConnectorTools) -> None:
        self._client = KlaviyoClient(settings, tools.http)

    @classmethod
    def account_of(cls, settings: Any) -> Sequence[str]:
        """Return the address of the API. The key does not count: a list's id means one list, whichever key is used."""
        return (settings.base_url.lower(),)

    @classmethod
    def places_of(cls, site: Site) -> Sequence[str]:
        """Return the list, if the action writes to one."""
        found = site.constants.get("list_id")
        if site.action_id != UPSERT.id:
            settings = site.connection_settings
            found = found or site.target or settings.get("list_id") or settings.get("listId")
        return (f"list:{found}",) if found else ()

    @classmethod
    def rows_per_call(
        cls, settings: Any, connection_settings: Mapping[str, Any], constants: Mapping[str, Any]
    ) -> int:
        """Return the batch size of the mapping, between 100 and 10,000."""
        size = constants.get("batch_size")
        if not isinstance(size, int | float):
            return JOB_ROWS
        return int(min(max(size, _SMALLEST_BATCH), JOB_ROWS))

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Read the list, or one page of lists. The requested scopes do not allow reading the account."""
        list_id = connection_settings.get("list_id") or connection_settings.get("listId")
        try:
            if not list_id:
                await self._client.get("/api/lists", {"page[size]": "1"})
                return CheckResult(ok=True, message="the key can read lists")
            found = data_of(await self._client.get(list_path(str(list_id))))
        except KlaviyoNotFound:
            return CheckResult(
                ok=False,
                message=f"there is no list {list_id} in this account; check upper and lower case",
            )
        except ConnectorError as error:
            return CheckResult.failed(error)
        if found["id"] != list_id:
            return CheckResult(ok=False, message=f"Klaviyo returned another list than {list_id}")
        name = (found.get("attributes") or {}).get("name")
        return CheckResult(ok=True, message=f"the key can read the list {name}")

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Start a call."""
        return await self._go_on(call, deliveries, Progress())

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Continue an import job, or the next part of the call."""
        return await self._go_on(call, deliveries, Progress.of(handle))

    async def _go_on(
        self, call: Call, deliveries: Sequence[Delivery], progress: Progress
    ) -> Receipts | Pending:
        rows = self.rows_per_call(None, call.connection_settings, call.constants)
        if call.action_id == UPSERT.id:
            list_id = call.constants.get("list_id")
        else:
            list_id = _list_of(call)
            if call.kind is ChangeKind.EXITED:
                return await Removals(self._client, call, deliveries, list_id).go_on(progress)
        additions = Additions(self._client, deliveries, list_id, rows, call.place_rows)
        return await additions.go_on(progress)

    async def still_works(self, handle: Mapping[str, Any]) -> bool:
        """Return whether the import job of a handle may still add profiles to its list."""
        job = Progress.of(handle).job
        return job is not None and await is_working(self._client, job)

    async def create_list(self, name: str, reference: str) -> str:
        """Create a list. Klaviyo stores no reference, so a crash may leave an empty list behind."""
        answer = await self._client.send("POST", "/api/lists", payloads.new_list(name))
        return str(data_of(answer)["id"])

    async def has_list(self, list_id: str) -> bool:
        """Return whether the account has the list, spelled exactly so."""
        try:
            found = data_of(await self._client.get(list_path(list_id)))
        except KlaviyoNotFound:
            return False
        return bool(found["id"] == list_id)

    async def list_lists(self) -> AsyncIterator[tuple[str, str]]:
        """Yield (id, name) of all lists, by name."""
        parameters = {"fields[list]": "name,created", "sort": "name", "page[size]": str(LIST_PAGE)}
        async for page in self._client.pages("/api/lists", parameters):
            for entry in page:
                yield str(entry["id"]), str((entry.get("attributes") or {}).get("name") or "")

    async def members(self, target: str) -> AsyncIterator[Sequence[Mapping[str, str]]]:
        """Yield pages of a list's members. For each member ``{field: value}``: its identifiers and ``partner_id``."""
        parameters = {
            "fields[profile]": "email,external_id,phone_number",
            "page[size]": str(PAGE),
        }
        async for page in self._client.pages(list_path(target, "/profiles"), parameters):
            yield [
                {
                    "partner_id": str(entry["id"]),
                    **{
                        name: str(entry["attributes"][name])
                        for name in payloads.IDENTITY
                        if (entry.get("attributes") or {}).get(name)
                    },
                }
                for entry in page
            ]


def _list_of(call: Call) -> str:
    """Return the list of the mapping, the activation (or its arm) or the connection, in this order."""
    settings = call.connection_settings
    found = (
        call.constants.get("list_id")
        or call.target
        or settings.get("list_id")
        or settings.get("listId")
    )
    if not found:
        raise ConfigurationRejected(
            "no Klaviyo list is named, and none was created", code="no_list"
        )
    return str(found)
