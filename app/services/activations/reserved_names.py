"""Names that properties of members must not take, because the destination says by them who the member is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Action, Definition
from app.core.errors import Invalid, Problem
from app.services.revision import Revision, action_of
from app.storage.models import Activation
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository

_OTHER = "finds a member by or is told with it; choose another name"


@dataclass(frozen=True, slots=True)
class _Use:
    """Where a configuration names a property (``index`` in a list), and the rest of the words that refuse it."""

    place: str
    name: str
    way_out: str = _OTHER
    index: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What it is by: names beside it come and go, and their case tells nothing."""
        return self.place, self.name.lower()

    def problem(self, definition: Definition) -> Problem:
        field = self.place if self.index is None else f"{self.place}.{self.index}"
        return Problem(f'"{field}": {self.name} is what {definition.name} {self.way_out}', field)


async def check_reserved_names(
    session: AsyncSession, activation: Activation, config: Mapping[str, Any]
) -> None:
    """Invalid, with a problem for each reserved name that a configuration has and the activation's latest has not.

    What was stored before the name was reserved stays, so that it can be changed one thing at a time.
    """
    destination = await DestinationRepository(session).get(
        activation.space_id, activation.destination_id
    )
    assert destination is not None  # noqa: S101  it is kept while an activation uses it
    definition = registry.get(destination.slug).definition
    if not (found := _reserved(definition, Revision.parse(config))):
        return
    former = await RevisionRepository(session).get(activation.space_id, activation.revision_id)
    known = {
        use.identity
        for use in (_reserved(definition, Revision.parse(former.config)) if former else ())
    }
    if fresh := [use for use in found if use.identity not in known]:
        problems = [use.problem(definition) for use in fresh]
        raise Invalid("the names of properties do not fit", problems=problems)


def _reserved(definition: Definition, revision: Revision) -> list[_Use]:
    """Each property of a configuration that is named as the destination's action names the member."""
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
                "finds a member by or is told with it; leave it out, since what finds the member travels "
                "anyway, or give it another name in personalization.profile.mapping"
            )
            yield _Use("personalization.profile.properties", str(name), way_out, index)


def _mapped(action: Action, revision: Revision) -> Iterator[_Use]:
    """The same of what a mapping writes out as the properties; what a path brings is known only when it is sent."""
    properties = revision.mapping.get(action.properties_field or "")
    for name in properties if isinstance(properties, Mapping) else ():
        if name not in action.mappable_properties:
            field = f"/destinationMapping/settings/{action.properties_field}/{name}"
            yield _Use(field, str(name), f"{_OTHER}, or map the field {name} of the action")
