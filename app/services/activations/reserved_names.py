"""Reserved names: properties of members must not have them, because the destination identifies members by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Action, Definition
from app.core.errors import Invalid, Problem
from app.services.activations.catalogue import definition_of
from app.services.revision import Revision, action_of
from app.storage.models import Activation
from app.storage.repositories.revisions import RevisionRepository

_OTHER = "identifies a member by, or receives with it; choose another name"


@dataclass(frozen=True, slots=True)
class _Use:
    """Where a configuration names a property (``index`` in a list), and the end of the message that refuses it."""

    place: str
    name: str
    way_out: str = _OTHER
    index: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """Place and name in lower case: the index may change, and case does not matter."""
        return self.place, self.name.lower()

    def problem(self, definition: Definition) -> Problem:
        field = self.place if self.index is None else f"{self.place}.{self.index}"
        return Problem(f'"{field}": {self.name} is what {definition.name} {self.way_out}', field)


async def check_reserved_names(
    session: AsyncSession, activation: Activation, config: Mapping[str, Any]
) -> None:
    """Raise Invalid with a problem for each reserved name that is new in a configuration.

    A name that the activation's current revision already has is accepted, so that other parts can be changed.
    """
    definition = await definition_of(session, activation)
    if not (found := _reserved(definition, Revision.parse(config))):
        return
    former = await RevisionRepository(session).known(activation.space_id, activation.revision_id)
    known = {
        use.identity
        for use in (_reserved(definition, Revision.parse(former.config)) if former else ())
    }
    if fresh := [use for use in found if use.identity not in known]:
        problems = [use.problem(definition) for use in fresh]
        raise Invalid("the names of properties do not fit", problems=problems)


def _reserved(definition: Definition, revision: Revision) -> list[_Use]:
    """Return each property of a configuration whose name the destination's action reserves."""
    action = action_of(definition, revision)
    if action is None:
        return []
    reserved = {name.lower() for name in action.reserved_properties}
    return [
        use
        for use in (*_named(revision), *_mapped(action, revision))
        if use.name.lower() in reserved
    ]


def _named(revision: Revision) -> Iterator[_Use]:
    if revision.included:
        yield _Use("includedAttribute", revision.included.name)
    if revision.split and revision.split_property:
        yield _Use("split.property", revision.split_property)
    for index, name in enumerate(revision.properties):
        if name in revision.property_names:
            yield _Use(f"personalization.profile.mapping.{name}", revision.property_names[name])
        else:
            way_out = (
                "identifies a member by, or receives with it; leave it out, since identifiers are sent "
                "anyway, or give it another name in personalization.profile.mapping"
            )
            yield _Use("personalization.profile.properties", str(name), way_out, index)


def _mapped(action: Action, revision: Revision) -> Iterator[_Use]:
    """Yield the properties that a mapping names; names that a path brings are known only when it is sent."""
    properties = revision.mapping.get(action.properties_field or "")
    for name in properties if isinstance(properties, Mapping) else ():
        if name not in action.mappable_properties:
            field = f"/destinationMapping/settings/{action.properties_field}/{name}"
            yield _Use(field, str(name), f"{_OTHER}, or map the field {name} of the action")
