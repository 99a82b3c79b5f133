"""Accounts at partners: create, read, update, check and remove them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import CheckResult, Connector, ConnectorSettings
from app.connectors.errors import ConnectorError
from app.connectors.urls import checked_callable
from app.core import clock
from app.core.crypto import Keyring
from app.core.errors import Conflict, Invalid, Problem
from app.core.ids import new_hex_id
from app.core.pagination import Page, PageRequest
from app.domain.names import require_name
from app.services import accounts
from app.services.accounts import (
    complete_settings,
    connector_tools,
    opened_settings,
    seal_settings,
    secrets_of,
    settings_of,
    shown_settings,
    unseal_settings,
)
from app.services.platform import BudgetUse, Platform
from app.services.syncs import account_healed, lock_account
from app.services.tenancy import Hidden, record_change
from app.storage.models import Activation, Audience, Destination
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.destinations import DestinationRepository

_CHECK_SECONDS = 60
_NAMED = 10  # audiences or activations that an error names


async def refuse_closed_addresses(platform: Platform, settings: Mapping[str, Any] | None) -> None:
    """Raise Invalid for an address in settings that no call would reach, after a look-up of its name where that decides.

    Call it before the session uses a connection of the database. ``create_destination`` and ``update_destination`` check the rest.
    """
    urls = {name: value for name, value in (settings or {}).items() if _is_address(value)}
    problems = [
        Problem(words, f"settings.{name}")
        for name, url in urls.items()
        if (words := await platform.http.refusal_of(url)) is not None
    ]
    if problems:
        raise Invalid("the settings do not fit", problems=problems)


async def create_destination(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    slug: str,
    name: str,
    settings: Mapping[str, Any],
    actor: str,
    now: datetime,
    permits_roles: bool = False,
    outbound_allow: str | None = None,
) -> tuple[Destination, dict[str, Any]]:
    """Create an account. Returns it with ``{setting: secret}`` of the generated secrets, which are shown only now.

    ``permits_roles``: whether settings may name a role that the service assumes. ``outbound_allow``: the addresses that the
    operator has opened. Raises Invalid for settings that do not fit.
    """
    require_name(name)
    connector = accounts.connector_class(slug)
    stored, generated = complete_settings(
        connector,
        settings,
        previous=None,
        now=now,
        workspace_id=workspace_id,
        permits_roles=permits_roles,
        outbound_allow=outbound_allow,
    )
    destination = Destination(
        space_id=space_id,
        id=new_hex_id(),
        slug=connector.definition.slug,
        name=name,
        created_by=actor,
        updated_by=actor,
    )
    destination.settings = seal_settings(keyring, workspace_id, destination.id, stored)
    DestinationRepository(session).add(destination)
    await session.flush()
    await session.refresh(destination)
    after = _fields(keyring, workspace_id, destination)
    await _record(session, destination, "Destination Created", actor, after=after)
    return destination, generated


async def get_destination(session: AsyncSession, space_id: str, destination_id: str) -> Destination:
    """Read an account of a space. Raises NotFound."""
    return await DestinationRepository(session).require(space_id, destination_id)


async def read_budgets(
    platform: Platform, destinations: Sequence[Destination]
) -> dict[str, list[BudgetUse]]:
    """Return how much of the rate budgets of some accounts is used: ``{destination id: budgets}``."""
    return await platform.budgets.read(
        {one.id: accounts.connector_class(one.slug).definition.rate_budgets for one in destinations}
    )


async def page_destinations(
    session: AsyncSession, space_id: str, request: PageRequest
) -> Page[Destination]:
    """Read a page of a space's accounts, oldest first."""
    return await DestinationRepository(session).page(space_id, request=request)


async def update_destination(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    name: str | None,
    settings: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
    permits_roles: bool = False,
    outbound_allow: str | None = None,
) -> tuple[Destination, dict[str, Any]]:
    """Rename an account, or merge settings into it. New settings close the breaker and activate what it had paused.

    Returns the account with ``{setting: secret}`` of the secrets that were generated. Raises NotFound and Invalid.
    """
    if name is not None:
        require_name(name)
    if settings:
        await lock_account(session, space_id, destination_id)
    destination = await DestinationRepository(session).require(
        space_id, destination_id, lock="update"
    )
    generated: dict[str, Any] = {}
    before = _fields(keyring, workspace_id, destination)
    if settings:
        connector = accounts.connector_class(destination.slug)
        previous = unseal_settings(keyring, workspace_id, destination)
        stored, generated = complete_settings(
            connector,
            settings,
            previous=previous,
            now=now,
            workspace_id=workspace_id,
            permits_roles=permits_roles,
            outbound_allow=outbound_allow,
        )
        if stored != previous:
            destination.settings = seal_settings(keyring, workspace_id, destination.id, stored)
            destination.account = None  # it may be another account; the next plan computes it
            await account_healed(session, destination, actor=actor)
    if name is not None:
        destination.name = name
    if name is not None or settings:
        destination.updated_by, destination.updated_at = actor, now
        after = _fields(keyring, workspace_id, destination)
        await _record(
            session, destination, "Destination Modified", actor, before=before, after=after
        )
    await session.flush()
    return destination, generated


async def delete_destination(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    actor: str,
) -> None:
    """Remove an account. Raises Conflict, with names, while an audience is connected to it, or activations send their notices to it."""
    repository = DestinationRepository(session)
    destination = await repository.require(space_id, destination_id, lock="remove")
    users = await AudienceRepository(session).connected_to(space_id, destination_id)
    if users:
        raise Conflict(
            f"The destination is connected to {_shown(users)}; remove it from there first.",
            data={"audiences": [audience.id for audience in users]},
        )
    told = await ActivationRepository(session).notifying(space_id, destination_id)
    if told:
        raise Conflict(
            f"The destination receives the notices of {_shown(told)}; change their option notifications first.",
            data={"activations": [activation.id for activation in told]},
        )
    before = _fields(keyring, workspace_id, destination)
    await _record(session, destination, "Destination Deleted", actor, before=before)
    await repository.delete(destination)
    await session.flush()


async def check_destination(
    platform: Platform,
    *,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    connection_settings: Mapping[str, Any],
    actor: str,
    settings: Mapping[str, Any] | None = None,
) -> CheckResult:
    """Test an account's credentials with no transaction open. A success activates what the breaker had paused.

    With ``settings``, the account is tested as it would be with these changes; nothing is stored or activated.
    """
    async with platform.unit_of_work() as session:
        destination = await get_destination(session, space_id, destination_id)
    if settings:
        return await check_settings(
            platform,
            workspace_id=workspace_id,
            slug=destination.slug,
            settings=settings,
            connection_settings=connection_settings,
            now=clock.now(),
            changed=destination,
        )
    return await _check_stored(platform, workspace_id, destination, connection_settings, actor)


async def _check_stored(
    platform: Platform,
    workspace_id: str,
    destination: Destination,
    connection_settings: Mapping[str, Any],
    actor: str,
) -> CheckResult:
    seen = destination.settings
    try:
        connector_class, settings = settings_of(platform.keyring, workspace_id, destination)
    except Invalid as error:
        return CheckResult(False, "; ".join(problem.message for problem in error.problems))
    result = await _check(platform, destination.id, connector_class, settings, connection_settings)
    if result.ok:
        space_id, destination_id = destination.space_id, destination.id
        async with platform.unit_of_work() as session:
            await lock_account(session, space_id, destination_id)
            row = await DestinationRepository(session).get(space_id, destination_id, lock="update")
            # If the settings were changed during the check, the result says nothing about the new ones.
            if row is not None and row.settings == seen:
                await account_healed(session, row, actor=actor)
    return result


async def check_settings(
    platform: Platform,
    *,
    workspace_id: str,
    slug: str,
    settings: Mapping[str, Any],
    connection_settings: Mapping[str, Any],
    now: datetime,
    changed: Destination | None = None,
) -> CheckResult:
    """Test settings at the partner before they are saved, with no transaction open. Nothing is stored.

    With ``changed``, the settings are merged into those of this account. Raises Invalid for settings that do not fit.
    """
    connector = accounts.connector_class(slug)
    await refuse_closed_addresses(platform, settings)
    previous = None
    if changed is not None:
        previous = unseal_settings(platform.keyring, workspace_id, changed)
    complete, generated = complete_settings(
        connector,
        settings,
        previous=previous,
        now=now,
        workspace_id=workspace_id,
        permits_roles=platform.settings.permits_roles,
        outbound_allow=platform.settings.outbound_allow,
    )
    if generated:
        problems = [
            Problem(
                "is generated when it is saved: check the account after that", f"settings.{one}"
            )
            for one in generated
        ]
        raise Invalid("the settings cannot be checked before they are saved", problems=problems)
    opened = opened_settings(connector, complete, workspace_id)
    account_id = new_hex_id() if changed is None else changed.id
    return await _check(platform, account_id, connector, opened, connection_settings)


async def _check(
    platform: Platform,
    destination_id: str,
    connector_class: type[Connector],
    settings: ConnectorSettings,
    connection_settings: Mapping[str, Any],
) -> CheckResult:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            tools = connector_tools(
                platform, destination_id, connector_class.definition, secrets_of(settings)
            )
            return await connector_class(settings, tools).check(connection_settings)
    except ConnectorError as error:
        return CheckResult.failed(error)
    except TimeoutError:
        return CheckResult(False, f"The partner did not respond within {_CHECK_SECONDS} seconds.")


def _fields(keyring: Keyring, workspace_id: str, destination: Destination) -> dict[str, Any]:
    """Return what the audit trail compares; secrets are compared, and never kept."""
    settings = shown_settings(keyring, workspace_id, destination, hide=Hidden)
    return {"slug": destination.slug, "name": destination.name, "settings": settings}


def _is_address(value: Any) -> bool:
    """Return whether a setting is an http address that can be read; the check of the settings reports one that cannot."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return False
    try:
        return bool(checked_callable(value))
    except ValueError:
        return False


def _shown(found: Sequence[Audience | Activation]) -> str:
    """Return names and ids, at most ten, and how many more there are."""
    named = ", ".join(f"{one.name} ({one.id})" for one in found[:_NAMED])
    return f"{named} and {len(found) - _NAMED} more" if len(found) > _NAMED else named


async def _record(
    session: AsyncSession,
    destination: Destination,
    event: str,
    actor: str,
    **fields: Mapping[str, Any],
) -> None:
    await record_change(session, "destination", destination, event, actor, **fields)
