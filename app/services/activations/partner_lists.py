"""The lists at a partner, with the connections and activations that write to each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from app.connectors.base import Definition, Lists
from app.core.errors import Conflict, Unavailable
from app.core.pagination import Page, PageRequest, Position
from app.services.accounts import connector_tools, open_account, translate_partner_errors
from app.services.platform import Platform, new_batch
from app.services.revision import Revision, lists_of
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.partner_lists import PartnerListQueries, Use

MOST = 5_000  # lists that are read from one account
SECONDS = 30  # time limit for reading them


@dataclass(frozen=True, slots=True)
class PartnerList:
    """One list at the partner, with the connections and activations that write to it."""

    id: str
    name: str
    used_by: Sequence[Use]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of lists by name; ``complete`` is False if the account has more than were read."""

    page: Page[PartnerList]
    complete: bool


async def page_partner_lists(
    platform: Platform,
    *,
    workspace_id: str,
    space_id: str,
    destination_id: str,
    search: str | None,
    request: PageRequest,
) -> Found:
    """Read the lists whose name or id contains ``search``, by name, with no transaction open.

    Raises NotFound if the account does not exist, Conflict if the destination has no lists or refuses to list them, and
    Unavailable if it does not respond.
    """
    position = request.position(width=2)
    async with platform.unit_of_work() as session:
        repository = DestinationRepository(session)
        destination = await repository.require(space_id, destination_id)
        account = open_account(platform.keyring, workspace_id, destination)
    definition = account.definition
    tools = connector_tools(platform, destination_id, definition, account.secrets, resync=True)
    connector = account.connector_class(account.settings, tools)
    if not isinstance(connector, Lists):
        raise Conflict(f"{definition.name} has no lists to choose from.")
    entries, complete = await _read(connector, definition)
    async with platform.unit_of_work() as session:
        uses = await PartnerListQueries(session).uses(space_id, destination_id)
    used = _by_list(definition, uses)
    lists = [
        PartnerList(list_id, name, used.get(list_id, ()))
        for list_id, name in _matching(entries, search or "")
    ]
    return Found(_cut(lists, request, position), complete)


def _matching(entries: Sequence[tuple[str, str]], search: str) -> list[tuple[str, str]]:
    """Return ``(id, name)`` of the lists whose name or id contains ``search``, by name."""
    text = search.casefold()
    matching = [
        (list_id, name)
        for list_id, name in entries
        if text in name.casefold() or text in list_id.casefold()
    ]
    return sorted(matching, key=lambda entry: (entry[1].casefold(), *entry))


async def _read(connector: Lists, definition: Definition) -> tuple[list[tuple[str, str]], bool]:
    found: list[tuple[str, str]] = []
    new_batch()  # so that calls after the first wait for the rate budget
    try:
        with translate_partner_errors(definition):
            async with asyncio.timeout(SECONDS):
                async for entry in connector.list_lists():
                    if len(found) == MOST:
                        return found, False
                    found.append(entry)
    except TimeoutError:
        raise Unavailable(
            f"{definition.name} did not list all its lists within {SECONDS} seconds."
        ) from None
    return found, True


def _by_list(definition: Definition, uses: Sequence[Use]) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = {}
    for use in uses:
        for list_id in _lists_of(definition, use):
            found.setdefault(list_id, []).append(use)
    return found


def _lists_of(definition: Definition, use: Use) -> Sequence[str]:
    if use.config is not None and use.activation_id is not None:
        return lists_of(definition, Revision.parse(use.config), use.lists, use.activation_id)
    names = [name for group in definition.place_keys for name in group]
    settings = use.connection_settings or {}
    named = [str(settings[name]) for name in names if settings.get(name)]
    return named[:1] or list(use.lists.values())


def _cut(
    lists: Sequence[PartnerList], request: PageRequest, position: Position
) -> Page[PartnerList]:
    """Cut a page by names and ids: lists may be added and removed between two requests."""
    after = tuple(unquote(part) for part in position.key)
    rest = [entry for entry in lists if not after or _position_of(entry) > after]
    entries = rest[: request.count]
    following = None
    if len(rest) > request.count:
        # A name may contain any character, a cursor only plain ones.
        key = tuple(quote(part, safe="") for part in _position_of(entries[-1]))
        following = Position("after", key).encode()
    return Page(entries, current=position.encode(), next=following, total=len(lists))


def _position_of(entry: PartnerList) -> tuple[str, str]:
    return entry.name.casefold(), entry.id
