"""Lists that a request or an activation names, looked up at the partner: a request with one that the partner does not have is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from app.connectors import registry
from app.connectors.base import Definition, FindsList
from app.connectors.errors import ConnectorError
from app.core.errors import Invalid, Problem
from app.core.logging import get_logger
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.accounts import Account, connector_tools, open_account
from app.services.activations.catalogue import definition_of
from app.services.platform import Platform, new_batch
from app.services.revision import Revision, uses_list
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository

log = get_logger(__name__)

SECONDS = 2  # that a save waits for the partner


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a partner said about lists, by the fields that name them: ``missing`` has their ids, ``unsure`` those it said nothing about."""

    partner: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    unsure: Mapping[str, str] = field(default_factory=dict)


async def refuse_unknown_lists(
    platform: Platform,
    *,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    named: Mapping[str, str],
) -> Sequence[SaveWarning]:
    """Look up lists at the partner, with no transaction open. ``named`` has the list's id by the field that names it.

    Returns a warning for each list that could not be looked up, since the partner did not respond in time or refused. Raises Invalid,
    with the fields, if the partner itself says that there is no such list.
    """
    found = await _look_up(platform, workspace_id, space_id, destination_id, named)
    if found.missing:
        problems = [
            Problem(_no_list(found, list_id, destination_id), name)
            for name, list_id in found.missing.items()
        ]
        raise Invalid(problems[0].message, problems=problems)
    return _unsure(found)


def lists_in_settings(settings: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the list that connection settings name, by its field: ``{"connectionSettings.list_id": "AbCdEf"}``."""
    names = [name for one in registry.definitions() for group in one.place_keys for name in group]
    found = {
        f"connectionSettings.{name}": str(value)
        for name in names
        if isinstance(value := (settings or {}).get(name), str | int) and value
    }
    return dict(list(found.items())[:1])


def lists_in_options(changes: Mapping[str, Any]) -> dict[str, str]:
    """Return the lists that changes of delivery options name, by field: ``{"list.id": "AbCdEf"}``. What is malformed is left out."""
    split = changes.get("split")
    arms = split.get("arms") if isinstance(split, Mapping) else None
    lists = {"list": changes.get("list")}
    for index, arm in enumerate(arms if isinstance(arms, list) else ()):
        if isinstance(arm, Mapping):
            lists[f"split.arms.{index}.list"] = arm.get("list")
    ids = {
        f"{name}.id": value.get("id") for name, value in lists.items() if isinstance(value, Mapping)
    }
    return {name: value for name, value in ids.items() if isinstance(value, str) and value}


async def refuse_unknown_lists_of_options(
    platform: Platform,
    *,
    workspace_id: str,
    space_id: str,
    audience_id: str,
    activation_id: str,
    changes: Mapping[str, Any],
) -> Sequence[SaveWarning]:
    """Look up the lists that changes of delivery options name, as ``refuse_unknown_lists`` does. What is malformed is left to the save."""
    named = lists_in_options(changes)
    if not named:
        return ()
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).get(space_id, audience_id, activation_id)
    if activation is None:
        return ()  # the save reports it
    return await refuse_unknown_lists(
        platform,
        workspace_id=workspace_id,
        space_id=space_id,
        destination_id=activation.destination_id,
        named=named,
    )


async def list_warnings(
    platform: Platform, workspace_id: str, space_id: str, audience_id: str, activation_id: str
) -> Sequence[SaveWarning]:
    """Look up the lists that an activation names, with no transaction open.

    Returns a warning for each list that the partner does not have, or did not speak of. None if there is no such activation.
    """
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).get(space_id, audience_id, activation_id)
        if activation is None:
            return ()
        stored = await RevisionRepository(session).get(space_id, activation.revision_id)
        definition = await definition_of(session, activation)
    assert stored is not None  # noqa: S101  a foreign key
    named = _of_revision(definition, Revision.parse(stored.config))
    account_id = activation.destination_id
    found = await _look_up(platform, workspace_id, space_id, account_id, named)
    missing = (
        SaveWarning(WarningCode.LIST_NOT_FOUND, name, _no_list(found, list_id, account_id))
        for name, list_id in found.missing.items()
    )
    return [*missing, *_unsure(found)]


def _of_revision(definition: Definition, revision: Revision) -> dict[str, str]:
    settings = revision.connection_settings if uses_list(definition, revision) else {}
    keys = [name for group in definition.place_keys for name in group]
    arms = {f"split.arms.{index}.list.id": arm.list_id for index, arm in enumerate(revision.split)}
    named = {
        **{f"connectionSettings.{name}": settings.get(name) for name in keys},
        "list.id": revision.list_id,
        **arms,
    }
    return {name: str(value) for name, value in named.items() if value}


def _no_list(found: LookedUp, list_id: str, destination_id: str) -> str:
    return (
        f"{found.partner} has no list {list_id} in this account; check upper and lower case. "
        f"GET …/destinations/{destination_id}/lists returns those that exist."
    )


def _unsure(found: LookedUp) -> Sequence[SaveWarning]:
    return [
        SaveWarning(
            WarningCode.LIST_NOT_CHECKED,
            name,
            f"{found.partner} did not say within {SECONDS} seconds whether the list {list_id} exists. "
            "If it does not, each sync fails with the partner's message. GET …/checks of the activation asks again.",
        )
        for name, list_id in found.unsure.items()
    ]


async def _look_up(
    platform: Platform,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    named: Mapping[str, str],
) -> LookedUp:
    """Ask the partner, for at most the seconds that a save waits."""
    if not named:
        return LookedUp()
    async with platform.unit_of_work() as session:
        destination = await DestinationRepository(session).get(space_id, destination_id)
        if destination is None:
            return LookedUp()  # the save reports it
        try:
            account = open_account(platform.keyring, workspace_id, destination)
        except Invalid:
            return LookedUp()
    answers: dict[str, bool | None] = dict.fromkeys(named.values())
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            for list_id in answers:
                answers[list_id] = await _exists(platform, account, destination_id, list_id)
    return LookedUp(
        account.definition.name,
        {name: list_id for name, list_id in named.items() if answers[list_id] is False},
        {name: list_id for name, list_id in named.items() if answers[list_id] is None},
    )


async def destination_of(platform: Platform, space_id: str, audience_id: str, path_id: str) -> str:
    """Return the account of a connection that a path names by its own id, or by that of the account."""
    async with platform.unit_of_work() as session:
        found = await ConnectionRepository(session).get(space_id, audience_id, path_id)
    return found.destination_id if found is not None else path_id


async def _exists(
    platform: Platform, account: Account, destination_id: str, list_id: str
) -> bool | None:
    """Return whether the partner has a list; None if it did not say."""
    tools = connector_tools(
        platform, destination_id, account.definition, account.secrets, resync=True
    )
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, FindsList):
        return True
    new_batch()
    try:
        return await connector.has_list(list_id)
    except ConnectorError as error:
        log.info("list_not_looked_up", destination_id=destination_id, error=type(error).__name__)
        return None
