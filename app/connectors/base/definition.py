"""The description of a destination: its actions, settings, identity fields and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from app.connectors.rate_headers import RateHeaders

IdentifierStrategy = Literal["first", "last", "all"]
Normaliser = Literal["email", "phone", "text"]
AudienceType = Literal["USERS", "ACCOUNTS", "LINKED"]


@dataclass(frozen=True, slots=True)
class IdSync:
    """Which identifier of a profile is sent, which of its values, and under which name."""

    external_id: str
    strategy: IdentifierStrategy = "last"
    map_to: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityField:
    """A partner's identity field: the action field that carries it, and how its value is normalised.

    ``rule`` names a fixed exception that is compiled into the plan: ``user_id_unless_email``, ``phone_with_country``.
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
    names_traits: bool = False  # an object whose keys name the identifiers and traits to send
    #: The value is read before the mapping, so that batches can be cut by it. Directives are refused (batch_size, url).
    constant: bool = False
    #: A pydantic type that checks the value of a constant (each value if ``multiple``). None: the type of ``type``.
    accepts: Any = None


@dataclass(frozen=True, slots=True)
class Action:
    """An operation that a destination can perform with a change."""

    id: str
    slug: str
    name: str
    description: str
    fields: Sequence[ActionField] = ()
    default_trigger: str | None = None
    uses_list: bool = True  # if the destination has lists (or audiences, attributes)
    #: Whether the action writes properties of the profile.
    carries_properties: bool = True
    #: Whether the partner keeps what the action sends, so that a value that becomes empty must be cleared there. An event
    #: is not kept.
    keeps_values: bool = True
    #: The field of the action that carries the properties. None: the connector sends the traits of the delivery.
    properties_field: str | None = None
    #: Names that no property may have, because the partner's request uses them: to find the member, or to control the
    #: call. Such properties are refused when an activation is saved.
    reserved_properties: Sequence[str] = ()
    #: Reserved names that a mapping of ``properties_field`` may write: there they are fields of the profile.
    mappable_properties: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """The action of an activation type if the activation names none."""

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
class Remedy:
    """What a user sees when an account does not work, a part of the message or a sentence, and what to do about it."""

    seen: str
    action: str


@dataclass(frozen=True, slots=True)
class RateBudget:
    """How many calls a partner account allows in a window, shared by all its activations.

    ``paths`` is a regular expression that is searched in ``METHOD /path`` of a call; by default every call counts.
    ``headers`` names the response headers that report the state of this budget, if the partner sends them.
    """

    name: str
    calls: int
    window: timedelta
    paths: str = ""
    headers: RateHeaders | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything that the catalogue, the validators, the console and the documents know about a destination."""

    slug: str
    name: str
    description: str
    metadata_id: str  # 24 hexadecimal digits, the id in the catalogue
    audience_types: Sequence[AudienceType]
    actions: Sequence[Action]
    presets: Sequence[Preset] = ()
    connection_settings: Sequence[SettingField] = ()
    default_id_sync: Sequence[IdSync] = (IdSync("email"), IdSync("user_id"))
    #: "member": the destination key is the profile (or entity) id, and all identifiers are sent.
    #: "identifiers": the key is the first entry of the effective identifier list that yields a value.
    key: Literal["member", "identifiers"] = "identifiers"
    identity_fields: Sequence[IdentityField] = ()
    max_rows: int = 100  # changes in one call, unless settings lower it
    max_bytes: int | None = None  # bytes in one call, if the partner limits them
    whole_plan: bool = False  # one call with changes of all kinds (files)
    cost_unit: str | None = None  # what the partner bills for each change, if it bills
    rate_budgets: Sequence[RateBudget] = ()
    #: Connection settings (or constants of a mapping) that decide the place of members in the account (a list, an
    #: attribute), each with its other names. If the place is a list and none is named, a list is created.
    place_keys: Sequence[Sequence[str]] = ()
    #: How each arm of a split gets a separate place. "lists": a list that is named or created for it
    #: (``Call.target``). "names": the connector builds a name from ``Call.arm``. None: only a property separates arms.
    arm_places: Literal["lists", "names"] | None = None
    #: Whether a member's change can rename the profile of another member: the partner finds profiles by any identifier.
    renames_profiles: bool = False
    aliases: Sequence[str] = ()  # other names that users know
    troubleshooting: Sequence[Remedy] = ()
