"""The protocols that a connector implements, and the tools that it receives.

A connector knows the API of its partner and nothing else: no database, no clock, no environment. It receives its
settings, an HTTP client with the address guard, the export folder, and with each call the time of the attempt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import httpx
from pydantic import BaseModel

from app.connectors.base.call import Call, CheckResult, Delivery, Pending, Receipts
from app.connectors.base.definition import Definition
from app.connectors.base.settings import ConnectorSettings


@runtime_checkable
class ExportFolder(Protocol):
    """The folder of finished export files, for downloads."""

    async def publish(self, key: str, local_path: str) -> None:
        """Store a finished local file under a key, completely or not at all. A repetition replaces the file."""


@dataclass(frozen=True, slots=True)
class ConnectorTools:
    """The tools of a connector."""

    http: httpx.AsyncClient
    exports: ExportFolder
    scratch: str  # a local folder for temporary files
    permits_roles: bool = False  # whether the connector may act under the service's own identity


class Connector(Protocol):
    """The API of one partner. The service creates one per destination: ``connector_class(settings, tools)``."""

    definition: ClassVar[Definition]
    settings_model: ClassVar[type[ConnectorSettings]]

    def __init__(self, settings: Any, tools: ConnectorTools) -> None: ...

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Test the credentials. Leaves nothing behind at the partner."""

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Send one call. Raises a ConnectorError (``app.connectors.errors``) if the whole call fails."""

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Continue a call that ``deliver`` or an earlier ``resume`` left pending."""


@runtime_checkable
class WholePlan(Protocol):
    """Ability: take the whole plan in one call, streamed in chunks. For destinations with ``Definition.whole_plan``."""

    async def deliver_all(
        self, call: Call, chunks: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Send the whole plan."""

    def wants_members(self, call: Call) -> bool:
        """Return whether the service must call ``replace`` and not ``deliver_all`` (contents: snapshot)."""

    async def replace(
        self, call: Call, members: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Write the whole wanted membership and not the changes."""


class JsonTexts(NamedTuple):
    """Columns of deliveries as Arrow arrays of texts, of equal length."""

    kinds: Any
    keys: Any
    profiles: Any
    identifiers: Any  # JSON objects; null: empty
    traits: Any  # JSON objects; null: empty


@runtime_checkable
class JsonColumns(Protocol):
    """Ability of a sequence of unmapped deliveries: return its values as JSON texts, column by column.

    For connectors that send identifiers and traits unchanged.
    """

    def json_columns(self) -> JsonTexts:
        """Return the columns, in the order of the deliveries."""


@runtime_checkable
class Lists(Protocol):
    """Ability: create and list the partner's lists (or audiences)."""

    async def create_list(self, name: str, reference: str) -> str:
        """Create a list, or find the list created with that reference earlier. Returns its id at the partner."""

    def list_lists(self) -> AsyncIterator[tuple[str, str]]:
        """Yield (id, name) of all lists."""


@runtime_checkable
class FindsList(Protocol):
    """Ability: look up one list of the partner by its id."""

    async def has_list(self, list_id: str) -> bool:
        """Return whether the account has the list. Raises a ConnectorError if the partner does not say."""


@runtime_checkable
class ReadBack(Protocol):
    """Ability: read the members of a list at the partner."""

    def members(self, target: str) -> AsyncIterator[Sequence[Mapping[str, str]]]:
        """Yield pages of members: for each member ``{field: value}`` of the partner's identifiers and ``partner_id``."""


@runtime_checkable
class CompletesSettings(Protocol):
    """Ability: generate missing settings (a signing secret), and keep the value that a rotation replaces."""

    @classmethod
    def complete(
        cls, settings: Mapping[str, Any], *, previous: Mapping[str, Any] | None, now: datetime
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Generate missing settings.

        ``settings`` are the complete new settings: a PATCH is merged before. ``previous`` are the stored settings as
        plain JSON values; None for a new destination.

        Returns:
            Two dictionaries ``{setting: value}``: the settings to validate and store, and the generated settings that
            the user sees only in this response.
        """


@dataclass(frozen=True, slots=True)
class Site:
    """What decides where an action writes: its settings, and the list that was created for it or for the arm."""

    action_id: str | None
    audience_key: str
    connection_settings: Mapping[str, Any]
    constants: Mapping[str, Any]
    target: str | None = None
    arm: str | None = None


@runtime_checkable
class SharesPlaces(Protocol):
    """Ability: name the places at the partner, so that activations which write to one place are known."""

    @classmethod
    def account_of(cls, settings: Any) -> Sequence[str]:
        """Return the values that distinguish the partner's account, as far as the names of places need it."""

    @classmethod
    def places_of(cls, site: Site) -> Sequence[str]:
        """Return the names of what entries set and exits undo, such as ``list:AbC123``; empty if there is no such state."""


@runtime_checkable
class SizesCalls(Protocol):
    """Ability: compute the number of changes in one call from settings or constants of the mapping."""

    @classmethod
    def rows_per_call(
        cls,
        settings: Any,
        connection_settings: Mapping[str, Any],
        constants: Mapping[str, Any],
    ) -> int:
        """Return the number of changes in one call, at least 1. ``settings`` are validated."""


@runtime_checkable
class CountsCost(Protocol):
    """Ability: compute how many units (``Definition.cost_unit``) the partner bills for changes of one call."""

    @classmethod
    def cost(cls, call: Call, deliveries: Sequence[Delivery]) -> int:
        """Return the number of billed units."""


@runtime_checkable
class ChecksConnectionSettings(Protocol):
    """Ability: a model that validates ``connectionSettings``, with error messages in the partner's terms."""

    connection_settings_model: ClassVar[type[BaseModel]]


@runtime_checkable
class LeavesWork(Protocol):
    """Ability: say whether the partner still works on a pending call that the service does not wait for any more."""

    async def still_works(self, handle: Mapping[str, Any]) -> bool:
        """Return whether the call may still be applied. Raises a ConnectorError if the partner does not say."""


@runtime_checkable
class Notifies(Protocol):
    """Ability: send a notice of the service to the account."""

    async def notify(
        self, notice_id: str, made_at: datetime, attempted_at: datetime, content: Mapping[str, Any]
    ) -> None:
        """Send one notice. The id is equal on every retry. Raises a ConnectorError if the call fails."""
