"""The catalogue: the destinations that an audience can be sent to, and their settings, actions and presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Connector, Definition
from app.core.errors import NotFound
from app.services.accounts import SettingInput, settings_inputs
from app.services.tenancy import record_event
from app.storage.models import Activation, DestinationConnection
from app.storage.repositories.destinations import DestinationRepository


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A destination, and the inputs of the settings of its accounts."""

    definition: Definition
    inputs: Sequence[SettingInput]


def catalogue_entries() -> Sequence[CatalogueEntry]:
    """Return all destinations, in catalogue order."""
    return [_entry(registry.get(one.slug)) for one in registry.definitions()]


def catalogue_entry(slug: str) -> CatalogueEntry:
    """Return a destination by its slug or an alias. Raises NotFound, naming the known ones."""
    try:
        return _entry(registry.get(slug))
    except registry.UnknownDestination as error:
        raise NotFound(str(error)) from None


def _entry(connector: type[Connector]) -> CatalogueEntry:
    return CatalogueEntry(connector.definition, settings_inputs(connector))


def all_definitions() -> Sequence[Definition]:
    """Return the definitions of all destinations, in catalogue order."""
    return registry.definitions()


async def definition_of(
    session: AsyncSession, owner: Activation | DestinationConnection
) -> Definition:
    """Return the definition of the destination that an activation or a connection names."""
    destination = await DestinationRepository(session).known(owner.space_id, owner.destination_id)
    assert destination is not None  # noqa: S101  it is kept while an activation or a connection uses it
    return registry.get(destination.slug).definition


async def list_supported_destinations(
    session: AsyncSession,
    space_id: str,
    audience_type: str,
    *,
    slug: str | None,
    action_id: str | None,
    actor: str,
) -> list[Definition]:
    """List the destinations that support a type of audience, and record that in the space's audit trail."""
    await record_event(
        session,
        space_id=space_id,
        type="Supported Destinations Listed For Audience",
        actor=actor,
        resource_type="space",
        resource_id=space_id,
        resource_name=audience_type,
    )
    return [
        definition
        for definition in registry.definitions()
        if audience_type in definition.audience_types
        and (slug is None or slug in (definition.slug, *definition.aliases))
        and (action_id is None or any(action.id == action_id for action in definition.actions))
    ]
