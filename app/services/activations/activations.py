"""Activations: create, read, update and remove them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Definition
from app.core.errors import BadRequest, Invalid, NotFound, Problem
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest, make_page
from app.domain.activation_config import is_same, new_config, updated
from app.domain.activation_states import ActivationState
from app.domain.options import DEFAULT_OPTIONS
from app.services.activations.catalogue import definition_of
from app.services.activations.delivery_options import options_fields
from app.services.activations.revisions import new_revision
from app.services.revision import check_mapping
from app.services.syncs import close_for_deletion, configuration_changed
from app.services.tenancy import record_change
from app.storage.models import Activation, ActivationSource, Audience, DestinationConnection
from app.storage.repositories.activations import (
    ActivationRepository,
    ActivationView,
    RawActivation,
    read_raw,
)
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository

__all__ = ["ActivationChanges", "ActivationView", "NewActivation", "RawActivation", "new_revision"]

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewActivation:
    """The values of a new activation; JSON as in the contract."""

    activation_type: str
    name: str
    perform_resync: bool
    enabled: bool = False
    display_name: str | None = None
    personalization: Json | None = None
    mapping: Json | None = None


@dataclass(frozen=True, slots=True)
class ActivationChanges:
    """Changes of an activation; a value of None stays as it is."""

    enabled: bool | None = None
    name: str | None = None
    display_name: str | None = None
    display_name_cleared: bool = False
    personalization: Json | None = None
    mapping: Json | None = None
    perform_resync: bool = False


async def create_activation(
    session: AsyncSession,
    *,
    space_id: str,
    audience_id: str,
    connection_id: str,
    wanted: NewActivation,
    actor: str,
    now: datetime,
) -> ActivationView:
    """Create an activation on a connection.

    Raises NotFound if audience or connection do not exist; BadRequest and Invalid for a configuration that does not fit
    the audience or the destination.
    """
    audience = await _audience(session, space_id, audience_id)
    connection = await ConnectionRepository(session).require(
        space_id, audience_id, connection_id, lock="read"
    )
    definition = await definition_of(session, connection)
    _check_display_name(wanted.display_name)
    config = _config(connection, wanted)
    _check(audience, definition, config)
    activation = _activation(connection, wanted, now)
    source = ActivationSource(
        space_id=space_id, activation_id=activation.id, position=0, audience_id=audience_id
    )
    session.add(activation)
    await session.flush()
    session.add(source)
    await new_revision(session, activation, config, actor, now, is_first=True)
    if wanted.enabled:
        await configuration_changed(session, activation, resync=wanted.perform_resync, actor=actor)
    view = ActivationView(activation, config)
    await _record(session, activation, "Activation Created", actor, after=_fields(view))
    return view


def _config(connection: DestinationConnection, wanted: NewActivation) -> dict[str, Any]:
    return new_config(
        activation_type=wanted.activation_type,
        personalization=wanted.personalization,
        mapping=wanted.mapping,
        id_sync=connection.id_sync,
        id_sync_given=connection.id_sync_given,
        connection_settings=connection.connection_settings,
    )


def _activation(
    connection: DestinationConnection, wanted: NewActivation, now: datetime
) -> Activation:
    return Activation(
        space_id=connection.space_id,
        id=new_id("act"),
        audience_id=connection.audience_id,
        connection_id=connection.id,
        destination_id=connection.destination_id,
        name=wanted.name,
        enabled=wanted.enabled,
        state=ActivationState.ACTIVE if wanted.enabled else ActivationState.INACTIVE,
        revision_id=new_id("rev"),
        sync_number=0,
        held=0,
        assumed=0,
        resync_wanted=int(wanted.perform_resync),
        resync_done=0,
        baseline_wanted=not wanted.perform_resync,
        options=copy.deepcopy(DEFAULT_OPTIONS),
        created_at=now,
        updated_at=now,
    )


async def read_activation(
    pool: asyncpg.Pool[asyncpg.Record], space_id: str, audience_id: str, activation_id: str
) -> RawActivation:
    """Read an activation without the ORM, for the most frequent request. Raises NotFound."""
    found = await read_raw(pool, space_id, audience_id, activation_id)
    if found is None:
        raise NotFound.of("activation", activation_id)
    return found


async def page_activations(
    session: AsyncSession, space_id: str, audience_id: str, request: PageRequest
) -> Page[ActivationView]:
    """Read a page of an audience's activations, oldest first. Raises NotFound if the audience does not exist."""
    await AudienceRepository(session).require(space_id, audience_id)
    repository = ActivationRepository(session)
    position = request.position()
    found = await repository.walk_views(space_id, audience_id, position, request.count + 1)
    total = await repository.count(space_id, audience_id)
    return make_page(
        found, request=request, position=position, key=lambda row: (row.activation.id,), total=total
    )


async def update_activation(
    session: AsyncSession,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    changes: ActivationChanges,
    actor: str,
    now: datetime,
) -> ActivationView:
    """Update an activation. A different configuration becomes a new revision; empty ``changes`` change nothing."""
    audience = await _audience(session, space_id, audience_id)
    view = await _locked(session, space_id, audience_id, activation_id)
    activation = view.activation
    _check_display_name(changes.display_name)
    config = updated(
        view.config,
        personalization=changes.personalization,
        mapping=changes.mapping,
        display_name_cleared=changes.display_name_cleared,
    )
    if changes.personalization is not None or changes.mapping is not None:
        connection = await ConnectionRepository(session).get(
            space_id, audience_id, activation.connection_id or ""
        )
        assert connection is not None  # noqa: S101  only a deleted activation has none
        definition = await definition_of(session, connection)
        _check(audience, definition, config, view.config.get("destinationMapping"))
    if changes == ActivationChanges():
        return view
    before = _fields(view)
    config = _apply(activation, changes, config)
    activation.updated_at = now
    if not is_same(config, view.config):
        await new_revision(session, activation, config, actor, now)
    await session.flush()
    await configuration_changed(session, activation, resync=changes.perform_resync, actor=actor)
    view = ActivationView(activation, config)
    await _record(
        session, activation, "Activation Modified", actor, before=before, after=_fields(view)
    )
    return view


def _apply(
    activation: Activation, changes: ActivationChanges, config: dict[str, Any]
) -> dict[str, Any]:
    """Apply the changes to the activation's row, and return ``config`` with them."""
    if changes.name:
        activation.name = changes.name
        if included := config.get("includedAttribute"):
            config = {**config, "includedAttribute": {**included, "value": changes.name}}
    if changes.enabled is not None:
        _enable(activation, changes.enabled)
    if changes.perform_resync:
        activation.resync_wanted += 1
        # All will be sent: nothing is to be taken as already there.
        activation.baseline_wanted = False
    return config


async def remove_activation(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    activation_id: str,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Remove an activation; the destination keeps its members."""
    await _audience(session, space_id, audience_id)
    view = await _locked(session, space_id, audience_id, activation_id)
    activation, before = view.activation, _fields(view)
    await close_for_deletion(session, activation)
    activation.deleted_at = now
    activation.enabled = False
    activation.state = ActivationState.INACTIVE
    activation.next_due_at, activation.awaits_since = None, None
    activation.updated_at = now
    await _record(session, activation, "Activation Deleted", actor, before=before)


def _enable(activation: Activation, enabled: bool) -> None:
    if enabled and activation.state != ActivationState.ACTIVE:
        # An activation that was paused by an error starts again from its holdings.
        activation.failing_since = None
        activation.last_error = None
    activation.enabled = enabled
    activation.state = ActivationState.ACTIVE if enabled else ActivationState.INACTIVE


def _check_display_name(display_name: str | None) -> None:
    if display_name is not None:
        raise BadRequest("displayName is for warehouses only", field="displayName")


def _check(
    audience: Audience, definition: Definition, config: Json, stored: Json | None = None
) -> None:
    personalization = config["personalization"]
    if personalization.get("entities") and audience.audience_type != "LINKED":
        raise BadRequest("entities are for linked audiences only", field="personalization.entities")
    if (
        personalization.get("syncEntityPropertyChanges")
        and config["activationType"] != "Audience Membership Changed"
    ):
        field = "personalization.syncEntityPropertyChanges"
        raise Invalid(f'"{field}": only with Audience Membership Changed', field=field)
    if "destinationMapping" in config:
        _check_mapping(definition, config["destinationMapping"], stored)


def _check_mapping(definition: Definition, mapping: Json, stored: Json | None) -> None:
    """Raise Invalid for a mapping with faults, except for stored faults in fields that do not change."""
    found = _mapping_faults(definition, mapping)
    known = _mapping_faults(definition, stored) if found and stored else ()
    problems = [
        problem
        for problem in found
        if stored is None
        or problem not in known
        or _mapped_at(problem, mapping) != _mapped_at(problem, stored)
    ]
    if problems:
        raise Invalid("invalid destinationMapping", problems=problems)


def _mapping_faults(definition: Definition, mapping: Json) -> Sequence[Problem]:
    try:
        check_mapping(definition, mapping)
    except Invalid as error:
        return error.problems
    return ()


def _mapped_at(problem: Problem, mapping: Json) -> Any:
    """Return what a mapping contains for the field of a problem."""
    _, _, place = (problem.field or "").partition("/destinationMapping/settings/")
    return (mapping.get("settings") or {}).get(place.partition("/")[0])


async def _audience(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    """Read the audience, and lock it against removal until the transaction ends. Raises NotFound."""
    return await AudienceRepository(session).require(space_id, audience_id, lock="keep")


async def _locked(
    session: AsyncSession, space_id: str, audience_id: str, activation_id: str
) -> ActivationView:
    return await ActivationRepository(session).require_view(
        space_id, audience_id, activation_id, lock="update"
    )


def activation_fields(activation: Activation, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of an activation that a user sets: ``{enabled, activationType, …}``, with stored JSON unchanged."""
    fields: dict[str, Any] = {
        "enabled": activation.enabled,
        "activationType": config["activationType"],
        "activationName": activation.name,
        "personalization": config["personalization"],
        "performResync": activation.resync_wanted > activation.resync_done,
    }
    return fields | {
        name: config[name] for name in ("displayName", "destinationMapping") if name in config
    }


def _fields(view: ActivationView) -> dict[str, Any]:
    """Return what the audit trail compares."""
    activation, config = view.activation, view.config
    return {**activation_fields(activation, config), **options_fields(activation.options, config)}


async def _record(
    session: AsyncSession, activation: Activation, event: str, actor: str, **fields: Json
) -> None:
    await record_change(session, "activation", activation, event, actor, **fields)


async def require_activation(
    session: AsyncSession, space_id: str, audience_id: str, activation_id: str
) -> Activation:
    """Read an activation of an audience that is not deleted. Raises NotFound."""
    return await ActivationRepository(session).require(space_id, audience_id, activation_id)
