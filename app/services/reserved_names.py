"""Names that properties of members must not take, because the destination says by them who the member is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Action, Definition
from app.core.errors import Invalid, Problem
from app.services.actions import action_of
from app.storage.models import Activation
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.syncs import SyncRepository

_OTHER = "finds a member by or is told with it; choose another name"


async def check(session: AsyncSession, activation: Activation, config: Mapping[str, Any]) -> None:
    """Invalid, with a problem for each reserved name that a configuration has and the activation's latest has not.

    What was stored before the name was reserved stays, so that it can be changed one thing at a time.
    """
    destination = await DestinationRepository(session).get(
        activation.space_id, activation.destination_id
    )
    assert destination is not None  # noqa: S101  it is kept while an activation uses it
    definition = registry.get(destination.slug).definition
    if not (found := faults(definition, config)):
        return
    former = await SyncRepository(session).revision(activation.space_id, activation.revision_id)
    known = faults(definition, former.config) if former is not None else []
    if problems := [problem for problem in found if problem not in known]:
        raise Invalid("the names of properties do not fit", problems=problems)


def faults(definition: Definition, config: Mapping[str, Any]) -> list[Problem]:
    """A problem for each property of a configuration that is named as the destination's action names the member."""
    action = action_of(definition, config)
    if action is None:
        return []
    reserved = {name.lower() for name in action.reserved_properties}
    return [
        Problem(f'"{field}": {name} is what {definition.name} {way_out}', field)
        for field, name, way_out in (*_named(config), *_mapped(action, config))
        if name.lower() in reserved
    ]


def _named(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Where a configuration names a property, the name, and the rest of the words that refuse it."""
    if told := config.get("includedAttribute"):
        yield "includedAttribute", told["name"], _OTHER
    if (config.get("split") or ()) and (told := config.get("splitProperty")):
        yield "split.property", str(told), _OTHER
    profile = (config.get("personalization") or {}).get("profile") or {}
    renamed = profile.get("mapping") or {}
    for index, name in enumerate(profile.get("properties") or ()):
        if name in renamed:
            yield f"personalization.profile.mapping.{name}", str(renamed[name]), _OTHER
        else:
            way_out = (
                "finds a member by or is told with it; leave it out, since what finds the member travels "
                "anyway, or give it another name in personalization.profile.mapping"
            )
            yield f"personalization.profile.properties.{index}", str(name), way_out


def _mapped(action: Action, config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The same of what a mapping writes out as the properties; what a path brings is known only when it is sent."""
    given = (config.get("destinationMapping") or {}).get("settings") or {}
    properties = given.get(action.properties_field)
    for name in properties if isinstance(properties, Mapping) else ():
        if name not in action.mappable_properties:
            field = f"/destinationMapping/settings/{action.properties_field}/{name}"
            yield field, str(name), f"{_OTHER}, or map the field {name} of the action"
