"""The protocols that a connector fulfils, and the tools that it receives.

A connector knows its partner's API and nothing else: no database, no clock, no environment. It receives its settings,
an HTTP client with the address guard, the local export folder, and in each call the moment of the attempt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

import httpx
from pydantic import BaseModel

from app.connectors.base.call import Call, CheckResult, Delivery, Pending, Receipts
from app.connectors.base.definition import Definition
from app.connectors.base.settings import ConnectorSettings


@runtime_checkable
class ExportFolder(Protocol):
    """The local folder of finished export files, for downloads."""

    async def publish(self, key: str, local_path: str) -> None:
        """Store a finished local file under a key; whole or not at all, a repeat replaces."""


@dataclass(frozen=True, slots=True)
class ConnectorTools:
    """What a connector works with."""

    http: httpx.AsyncClient
    exports: ExportFolder
    scratch: str  # a local folder for temporary files


class Connector(Protocol):
    """One partner's API. Made anew for a destination with its settings: ``connector_class(settings, tools)``."""

    definition: ClassVar[Definition]
    settings_model: ClassVar[type[ConnectorSettings]]

    def __init__(self, settings: Any, tools: ConnectorTools) -> None: ...

    async def check(self, connection_settings: Mapping[str, Any]) -> CheckResult:
        """Try the credentials; never writes anything that stays."""

    async def deliver(self, call: Call, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Send one batch. Raises the errors of ``app.connectors.errors`` where the whole batch fails."""

    async def resume(
        self, call: Call, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Take up a batch that ``deliver`` or an earlier ``resume`` left pending."""


@runtime_checkable
class WholePlan(Protocol):
    """Ability of destinations whose definition says ``whole_plan``: one batch holds the plan, streamed in chunks."""

    async def deliver_all(
        self, call: Call, chunks: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Send the whole plan."""

    def wants_members(self, call: Call) -> bool:
        """Whether ``replace`` is wanted in place of ``deliver_all`` (contents: snapshot)."""

    async def replace(
        self, call: Call, members: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Write the whole wanted membership, in place of the changes."""


@runtime_checkable
class JsonColumns(Protocol):
    """Ability of a sequence of deliveries that nobody mapped: its values as JSON texts, column by column.

    For connectors that pass identifiers and traits on as they are, and need not read what they send.
    """

    def json_columns(self) -> tuple[Any, Any, Any, Any]:
        """Kinds, keys, and the JSON objects of identifiers and traits (null: empty), as Arrow text, in order."""


@runtime_checkable
class Lists(Protocol):
    """Ability: create and list the partner's lists (or audiences)."""

    async def create_list(self, name: str, reference: str) -> str:
        """Make a list, or find the one made under that reference before; its id at the partner."""

    def list_lists(self) -> AsyncIterator[tuple[str, str]]:
        """All (id, name)."""


@runtime_checkable
class ReadBack(Protocol):
    """Ability: read a list's members at the partner."""

    def members(self, target: str) -> AsyncIterator[Sequence[Mapping[str, str]]]:
        """Pages of members, each with the identifiers that the partner gives and its own ``partner_id``."""


@runtime_checkable
class CompletesSettings(Protocol):
    """Ability: make up what the user left out of the settings (a signing secret), and keep what a rotation replaces."""

    @classmethod
    def complete(
        cls, settings: Mapping[str, Any], *, previous: Mapping[str, Any] | None, now: datetime
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The settings to validate and store, and those generated ones that are shown to the user this once.

        ``previous`` are the settings stored until now (None for a new destination), as plain JSON values; ``settings``
        the new ones, whole: a PATCH is merged before.
        """


@runtime_checkable
class SizesCalls(Protocol):
    """Ability: settings or the mapping's constants decide how many changes go into one call."""

    @classmethod
    def rows_per_call(
        cls,
        settings: Any,
        connection_settings: Mapping[str, Any],
        constants: Mapping[str, Any],
    ) -> int:
        """Changes in one batch, from 1; ``settings`` are the validated ones."""


@runtime_checkable
class CountsCost(Protocol):
    """Ability: say how many units (``Definition.cost_unit``) the partner bills for some changes of one batch."""

    @classmethod
    def cost(cls, call: Call, deliveries: Sequence[Delivery]) -> int:
        """Units billed for these."""


@runtime_checkable
class ChecksConnectionSettings(Protocol):
    """Ability: a model that ``connectionSettings`` must fit, with the partner's own words for what is wrong."""

    connection_settings_model: ClassVar[type[BaseModel]]


@runtime_checkable
class Notifies(Protocol):
    """Ability: carry a notice of ours to the account, for the people and machines behind it."""

    async def notify(
        self, notice_id: str, made_at: datetime, attempted_at: datetime, content: Mapping[str, Any]
    ) -> None:
        """Send one notice; the id is the same on every retry. Raises the errors of ``deliver``."""
