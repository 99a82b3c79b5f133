"""Proposals for the fields of an action: which column of an audience probably fills each of them. Nothing is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Action, Definition
from app.core.errors import Invalid
from app.core.suggestions import listed
from app.services.accounts import connector_class
from app.services.revision import FieldColumn, Revision, action_of, field_columns
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.snapshots import SnapshotRepository


@dataclass(frozen=True, slots=True)
class FieldProposals:
    """The fields of an action with the columns that fill them; without columns as long as no audience was computed."""

    action: Action | None
    fields: Sequence[FieldColumn]


async def propose_fields(
    session: AsyncSession,
    *,
    space_id: str,
    audience_ids: Sequence[str],
    destination_id: str,
    action_id: str | None,
) -> FieldProposals:
    """Return a column of the audiences for each field of an action; by default of the one for members who enter and leave.

    Raises NotFound if an audience or the account does not exist, and Invalid for an unknown action.
    """
    destination = await DestinationRepository(session).require(space_id, destination_id)
    definition = connector_class(destination.slug).definition
    action = _action(definition, action_id)
    columns = await _columns(session, space_id, audience_ids)
    return FieldProposals(action, field_columns(definition, action, columns))


def _action(definition: Definition, action_id: str | None) -> Action | None:
    if action_id is None:
        usual = {"activationType": "Audience Membership Changed", "idSync": []}
        return action_of(definition, Revision.parse(usual))
    for action in definition.actions:
        if action.id == action_id:
            return action
    known = listed([one.id for one in definition.actions]) or "it has none"
    raise Invalid(
        f'"actionId": {definition.name} has no such action. Its actions: {known}', field="actionId"
    )


async def _columns(
    session: AsyncSession, space_id: str, audience_ids: Sequence[str]
) -> Mapping[str, str]:
    """Return the engine types of all columns in the newest snapshots, by name: identifiers first."""
    identifiers: dict[str, str] = {}
    traits: dict[str, str] = {}
    for audience_id in dict.fromkeys(audience_ids):
        audience = await AudienceRepository(session).require(space_id, audience_id)
        if audience.snapshot_id is not None:
            snapshot = await SnapshotRepository(session).get(space_id, audience.snapshot_id)
            if snapshot is not None:
                identifiers |= dict.fromkeys(snapshot.identifiers, "VARCHAR")
                traits = snapshot.traits | traits
    return {**identifiers, **{name: traits[name] for name in traits if name not in identifiers}}
