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
    cost_unit: str | None = None  # what the partner bills for each change, where it does
    rate_budgets: Sequence[RateBudget] = ()
    #: Connection settings (or constants of a mapping) that say where in the account members are put, each with its
    #: other names: a list, an attribute. Where it is a list and none is named, one is made.
    place_keys: Sequence[Sequence[str]] = ()
    #: How each arm of a split has a place to itself: "lists": a list that is named or made for it (``Call.target``);
    #: "names": the connector makes a name with ``Call.arm``. None: only a property tells arms apart.
    arm_places: Literal["lists", "names"] | None = None
    aliases: Sequence[str] = ()  # other names under which users know it
