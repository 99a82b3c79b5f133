"""The protocol that every destination fulfils, and the words in which it describes itself.

A connector knows its partner's API and nothing else: no database, no clock, no environment. What it needs is handed
to it: its settings, an HTTP client with the address guard, the local export folder, and the moment of the attempt in
the batch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import httpx
from pydantic import BaseModel, ConfigDict

from app.connectors.rate_headers import RateHeaders
from app.domain.changes import ChangeKind

IdentifierStrategy = Literal["first", "last", "all"]
Normaliser = Literal["email", "phone", "text"]
AudienceType = Literal["USERS", "ACCOUNTS", "LINKED"]


class ConnectorSettings(BaseModel):
    """Settings of one account at a partner; secrets are SecretStr. Unknown keys are refused.

    ``where_to`` are the settings that say where calls go (a URL, a host, an endpoint), and ``sent_there`` those that
    go along; by default all secrets. Who changes one of the former has to give the latter again, so that none that is
    stored is sent to where it was not given for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    where_to: ClassVar[Sequence[str]] = ()
    sent_there: ClassVar[Sequence[str] | None] = None


@dataclass(frozen=True, slots=True)
class IdSync:
    """Which identifier of a profile travels, which of its values, and under which name."""

    external_id: str
    strategy: IdentifierStrategy = "last"
    map_to: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityField:
    """A partner's identity field: the action field that carries it and how its value is normalised.

    ``rule`` names a fixed exception, compiled into the plan: ``user_id_unless_email``, ``phone_with_country``.
    """

    name: str
    external_id: str
    normaliser: Normaliser = "text"
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class ActionField:
    """One mappable field of an action; ``default`` is a literal or a mapping directive."""

    key: str
    label: str
    type: str  # STRING, NUMBER, INTEGER, BOOLEAN, OBJECT, DATETIME, TEXT, PASSWORD, HIDDEN
    description: str = ""
    required: bool = False
    multiple: bool = False
    dynamic: bool = False
    allow_null: bool = False
    default: Any = None
    choices: Sequence[Any] | None = None
    hidden: bool = False
    names_traits: bool = (
        False  # an object whose keys name identifiers and traits that are to travel
    )
    constant: bool = (
        False  # cut before mapping, so a directive is refused (batch_size, batch_keys, url, …)
    )
    #: A type for pydantic that the value of a constant fits (each of them, where ``multiple``); None: that of ``type``.
    accepts: Any = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a destination can do with a change."""

    id: str
    slug: str
    name: str
    description: str
    fields: Sequence[ActionField] = ()
    default_trigger: str | None = None
    uses_list: bool = True  # where the destination has lists (or audiences, attributes) of its own
    #: Whether it writes properties of the profile at all, and the field of the action that carries them, where the
    #: connector takes them from a field rather than from the traits of the delivery.
    carries_properties: bool = True
    properties_field: str | None = None
    #: Names that no property may take, because on the wire it would stand beside them: what finds the member, and
    #: what steers the call. Refused when an activation is saved.
    reserved_properties: Sequence[str] = ()
    #: Those of them that a mapping of ``properties_field`` may write all the same: fields of the profile there.
    mappable_properties: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """Which action an activation type takes when it names none."""

    action_id: str
    name: str
    activation_type: str


@dataclass(frozen=True, slots=True)
class SettingField:
    """One key of ``connectionSettings``."""

    name: str
    type: str  # string, number, boolean, object
    required: bool = False
    label: str = ""
    description: str = ""
    default: Any = None


@dataclass(frozen=True, slots=True)
class RateBudget:
    """How many calls a partner account allows in a window, shared by all its activations.

    ``paths``: a regular expression that is searched in ``METHOD /path`` of a call; by default every call counts.
    ``headers``: those in which the partner's answers tell the state of this budget, where they do.
    """

    name: str
    calls: int
    window: timedelta
    paths: str = ""
    headers: RateHeaders | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """All that the catalogue, the validators, the console and the documents need to know of a destination."""

    slug: str
    name: str
    description: str
    metadata_id: str  # 24 hex digits, the catalogue's id
    audience_types: Sequence[AudienceType]
    actions: Sequence[Action]
    presets: Sequence[Preset] = ()
    connection_settings: Sequence[SettingField] = ()
    default_id_sync: Sequence[IdSync] = (IdSync("email"), IdSync("user_id"))
    #: "member": the destination key is the profile (or entity) id, and all identifiers travel.
    #: "identifiers": the key is the first entry of the effective identifier list that yields a value.
    key: Literal["member", "identifiers"] = "identifiers"
    identity_fields: Sequence[IdentityField] = ()
    max_rows: int = 100  # changes in one call, unless settings say less
    max_bytes: int | None = None  # bytes in one call, where the partner limits them
    whole_plan: bool = False  # one batch of all kinds (files)
    #: False: actions are events that leave no state; "held" then means "announced"
    stateful: bool = True
    cost_unit: str | None = None  # what the partner bills for each change, where it does
    rate_budgets: Sequence[RateBudget] = ()
    #: Connection settings (or constants of a mapping) that say where in the account members are put, each with its
    #: other names: a list, an attribute. Where it is a list and none is named, one is made.
    place_keys: Sequence[Sequence[str]] = ()
    #: How each arm of a split has a place to itself: "lists": a list that is named or made for it (``Batch.target``);
    #: "names": the connector makes a name with ``Batch.arm``. None: only a property tells arms apart.
    arm_places: Literal["lists", "names"] | None = None
    aliases: Sequence[str] = ()  # other names under which users know it


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change, ready to be sent.

    ``fields`` are the action's mapped fields; ``identifiers`` the identifiers that travel (for an exit those that
    were stored when the member was sent); ``partner_id`` the partner's own id, where the holdings know it.
    """

    kind: ChangeKind
    key_type: str
    key: str
    profile_id: str
    identifiers: Mapping[str, Any]
    traits: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    partner_id: str | None = None


@runtime_checkable
class JsonColumns(Protocol):
    """Ability of a sequence of deliveries that nobody mapped: its values as JSON texts, column by column.

    For connectors that pass identifiers and traits on as they are, and need not read what they send.
    """

    def json_columns(self) -> tuple[Any, Any, Any, Any]:
        """Kinds, keys, and the JSON objects of identifiers and traits (null: empty), as Arrow text, in order."""


@dataclass(frozen=True, slots=True)
class AudienceRef:
    """The audience that a batch speaks of."""

    id: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One writing call at the partner.

    ``idempotency_key`` is the sync, number, first row and rows, and with ``planned_at`` and ``seq`` the same on every
    retry; ``attempted_at`` is the moment of this attempt.
    """

    idempotency_key: str
    space_id: str
    audience: AudienceRef
    activation_id: str
    connection_id: str
    sync_id: str
    seq: int
    number: int  # from 1
    count: int
    kind: ChangeKind | None  # None: a batch of the whole plan
    mode: Literal["incremental", "resync"]
    planned_at: datetime
    attempted_at: datetime
    rows: int
    action_id: str | None = None
    target: str | None = None  # the list that was made for the activation, or for its arm
    arm: str | None = None  # the side of a split, where it has a place to itself
    connection_settings: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)  # the constant fields of the mapping
    #: Traits that travel and their types (text, integer, number, boolean, timestamp, json), in the order of columns;
    #: None where that is not known.
    trait_types: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one change was not taken: a code, words for people, and the partner's pointer where it gives one."""

    code: str
    message: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Receipts:
    """What became of the deliveries of a batch, by their index from 0; what is not named was delivered."""

    rejected: Mapping[int, Refusal] = field(default_factory=dict)
    skipped: Mapping[int, Refusal] = field(default_factory=dict)
    partner_ids: Mapping[int, str] = field(default_factory=dict)
    http_status: int | None = None
    vendor_request_id: str | None = None
    exports: Sequence[str] = ()  # keys of the files that were published, for downloads


@dataclass(frozen=True, slots=True)
class Pending:
    """The partner works on it: keep the handle (JSON) with the batch and call ``resume`` after a while."""

    handle: Mapping[str, Any]
    check_after: timedelta


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether credentials work, in the partner's terms."""

    ok: bool
    message: str
    warnings: Sequence[str] = ()


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

    async def deliver(self, batch: Batch, deliveries: Sequence[Delivery]) -> Receipts | Pending:
        """Send one batch. Raises the errors of ``app.connectors.errors`` where the whole batch fails."""

    async def resume(
        self, batch: Batch, deliveries: Sequence[Delivery], handle: Mapping[str, Any]
    ) -> Receipts | Pending:
        """Take up a batch that ``deliver`` or an earlier ``resume`` left pending."""


@runtime_checkable
class WholePlan(Protocol):
    """Ability of destinations whose definition says ``whole_plan``: one batch holds the plan, streamed in chunks."""

    async def deliver_all(
        self, batch: Batch, chunks: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Send the whole plan."""

    def wants_members(self, batch: Batch) -> bool:
        """Whether ``replace`` is wanted in place of ``deliver_all`` (contents: snapshot)."""

    async def replace(
        self, batch: Batch, members: AsyncIterator[Sequence[Delivery]]
    ) -> Receipts | Pending:
        """Write the whole wanted membership, in place of the changes."""


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
    def cost(cls, batch: Batch, deliveries: Sequence[Delivery]) -> int:
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
