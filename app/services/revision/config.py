"""The typed view of a revision: its stored configuration, parsed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from app.domain.activation_types import kinds_sent
from app.domain.changes import ChangeKind, Mode
from app.domain.options import SplitArm


@dataclass(frozen=True, slots=True)
class Identifier:
    """An entry of the identifier list: which values of an identifier are sent, and under which name."""

    external_id: str
    strategy: Literal["first", "last", "all"]
    map_to: str | None = None


@dataclass(frozen=True, slots=True)
class IncludedAttribute:
    """The attribute that members carry while they are included: its name, and the activation's name as its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Revision:
    """What an activation does under one revision. :meth:`parse` reads it from ``ActivationRevision.config``."""

    activation_type: str
    mode: Mode = Mode.MAINTAIN
    updates: bool = False  # by the delivery options or by syncEntityPropertyChanges
    list_id: str | None = None  # the chosen list at the partner
    consent: str | None = None  # the trait that must be true
    split: tuple[SplitArm, ...] = ()
    split_property: str | None = None
    audiences: tuple[str, ...] = ()  # besides the activation's own
    included: IncludedAttribute | None = None
    properties: tuple[str, ...] = ()  # personalized traits
    property_names: Mapping[str, str] = field(
        default_factory=dict
    )  # trait -> the name that it is sent under
    entities: Mapping[str, Any] = field(default_factory=dict)  # relationship -> properties
    action: str | None = None  # id of the mapped action; None if nothing is mapped
    mapping: Mapping[str, Any] = field(
        default_factory=dict
    )  # field of the action -> directive or value
    identifiers: tuple[Identifier, ...] = ()
    identifiers_chosen: bool = False  # by the user, not by default
    connection_settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> Self:
        """Read a stored configuration; ``domain.activation_config.new_config`` shows its shape."""
        personalization = config.get("personalization") or {}
        profile = personalization.get("profile") or {}
        mapped = config.get("destinationMapping") or {}
        return cls(
            activation_type=config["activationType"],
            mode=Mode(config.get("mode") or Mode.MAINTAIN),
            updates=bool(config.get("updates") or personalization.get("syncEntityPropertyChanges")),
            list_id=(config.get("list") or {}).get("id"),
            consent=config.get("consent"),
            split=tuple(_arm(arm) for arm in config.get("split") or ()),
            split_property=config.get("splitProperty"),
            audiences=tuple(config.get("audiences") or ()),
            included=_included(config.get("includedAttribute")),
            properties=tuple(profile.get("properties") or ()),
            property_names=profile.get("mapping") or {},
            entities=_entities(personalization.get("entities") or ()),
            action=mapped.get("actionId"),
            mapping=mapped.get("settings") or {},
            identifiers=tuple(_identifier(entry) for entry in config.get("idSync") or ()),
            identifiers_chosen=bool(config.get("idSyncGiven")),
            connection_settings=config.get("connectionSettings") or {},
        )

    @property
    def sends(self) -> frozenset[ChangeKind]:
        """The kinds of change that are sent."""
        return kinds_sent(self.activation_type, updates=self.updates)

    @property
    def sent_arms(self) -> tuple[SplitArm, ...]:
        """The arms of the split without the holdout group."""
        return tuple(arm for arm in self.split if arm.sent)


def _arm(stored: Mapping[str, Any]) -> SplitArm:
    list_id = (stored.get("list") or {}).get("id")
    return SplitArm(stored["name"], stored["weight"], stored.get("sent", True), list_id)


def _included(stored: Mapping[str, Any] | None) -> IncludedAttribute | None:
    return IncludedAttribute(**stored) if stored else None


def _entities(stored: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {entity["relationshipSlug"]: entity["properties"] for entity in stored}


def _identifier(stored: Mapping[str, Any]) -> Identifier:
    return Identifier(stored["externalId"], stored["strategy"], stored.get("mapTo"))
