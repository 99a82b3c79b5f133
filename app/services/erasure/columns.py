"""Columns of the database: names of the person in texts and JSON are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Binding
from app.domain.persons import Person, is_distinctive
from app.services.erasure.files import Tally
from app.services.platform import Platform
from app.storage.models import IdempotencyKey
from app.storage.personal_data import Handling
from app.storage.repositories.personal_data import PersonalDataQueries, columns_by_table

PAGE = 200  # rows in one transaction, which locks them


async def search_columns(
    platform: Platform, space_id: str, workspace_id: str, person: Person, tally: Tally
) -> None:
    """Replace the names in all columns that are searched, and in responses that are kept for repeated requests."""
    for table, columns in columns_by_table(Handling.SEARCHED).items():
        await _search(platform, space_id, table, columns, person, tally)
    await _search_repeats(platform, space_id, workspace_id, person, tally)


async def erase_left_changes(
    platform: Platform, space_id: str, person: Person, tally: Tally
) -> None:
    """Remove the person from changes of members that failed runs have left for a later run."""
    changed = 0
    async with platform.unit_of_work() as session:
        for patch in await PersonalDataQueries(session).left_patches(space_id):
            add = [row for row in patch.add if person.scrubbed(row) is row]
            remove = [one for one in patch.remove if not person.is_named(one)]
            if (len(add), len(remove)) != (len(patch.add), len(patch.remove)):
                patch.add, patch.remove = add, remove
                changed += 1
        await _count(session, tally, "member_patch", changed)


async def _count(session: AsyncSession, tally: Tally, table: str, rows: int) -> None:
    if rows:
        tally.add(table, rows=rows)
        await tally.write(session)


async def find_configured(
    platform: Platform, space_id: str, person: Person
) -> list[dict[str, str]]:
    """Return where the configuration names the person: ``[{"table": …, "id": …, "column": …}]``. It is the user's to change."""
    found = []
    for table, columns in columns_by_table(Handling.CONFIGURED).items():
        after: Sequence[Any] = ()
        while page := await _page(platform, space_id, table, columns, person, after):
            for row in page:
                found += [
                    {"table": table, "id": str(row.id), "column": column}
                    for column in columns
                    if person.scrubbed(getattr(row, column)) is not getattr(row, column)
                ]
            after = _key(page[-1])
    return found


async def _page(
    platform: Platform,
    space_id: str,
    table: str,
    columns: Sequence[str],
    person: Person,
    after: Sequence[Any],
) -> Sequence[Any]:
    if not person.anywhere:
        return []
    async with platform.unit_of_work() as session:
        return await PersonalDataQueries(session).naming(
            space_id, table, columns, person.anywhere, after, PAGE, lock=False
        )


async def _search(
    platform: Platform,
    space_id: str,
    table: str,
    columns: Sequence[str],
    person: Person,
    tally: Tally,
) -> None:
    """Replace the names in some columns of a table, and count the rows that had them."""
    after: Sequence[Any] = ()
    while True:
        async with platform.unit_of_work() as session:
            rows = await PersonalDataQueries(session).naming(
                space_id, table, columns, _searched(person), after, PAGE, lock=True
            )
            changed = sum(_scrub(row, columns, person) for row in rows)
            await session.flush()
            await _count(session, tally, table, changed)
            if len(rows) < PAGE:
                return
            after = _key(rows[-1])


def _searched(person: Person) -> list[str]:
    """Return the texts that rows are found by. A name that is not distinctive is found as a whole text of JSON."""
    plain = [text for text in person.texts if not is_distinctive(text)]
    return [*person.anywhere, *(orjson.dumps(text).decode() for text in plain)]


def _key(row: Any) -> list[Any]:
    return [getattr(row, column.key) for column in row.__table__.primary_key.columns]


def _scrub(row: Any, columns: Sequence[str], person: Person) -> bool:
    found = False
    for column in columns:
        before = getattr(row, column)
        after = person.scrubbed(before, column)
        if after is not before:
            setattr(row, column, after)
            found = True
    return found


async def _search_repeats(
    platform: Platform, space_id: str, workspace_id: str, person: Person, tally: Tally
) -> None:
    """Replace the names in the stored responses of a workspace, and in the paths and keys of their requests."""
    after = ""
    while True:
        async with platform.unit_of_work() as session:
            rows = await PersonalDataQueries(session).repeats(space_id, after, PAGE)
            after = rows[-1].key if rows else after
            changed = [
                await _search_repeat(platform, session, row, workspace_id, person) for row in rows
            ]
            await _count(session, tally, "idempotency_key", sum(changed))
            if len(rows) < PAGE:
                return


async def _search_repeat(
    platform: Platform,
    session: AsyncSession,
    row: IdempotencyKey,
    workspace_id: str,
    person: Person,
) -> bool:
    """A request whose path or key names the person is forgotten; in a response the names are replaced."""
    if person.is_mentioned(row.request) or person.is_mentioned(row.key) or _ends_in(row, person):
        await session.delete(row)
        return True
    if row.response is None:
        return False
    binding = Binding(workspace_id, "idempotency_key", row.key, "response")
    content = orjson.loads(platform.keyring.decrypt(row.response, binding) or b"null")
    after = person.scrubbed(content)
    if after is content:
        return False
    row.response = platform.keyring.encrypt(orjson.dumps(after), binding)
    return True


def _ends_in(row: IdempotencyKey, person: Person) -> bool:
    """Return whether a part of the path is a name that is not distinctive: ``/profiles/42``."""
    return any(person.is_named(part) for part in row.request.partition("?")[0].split("/"))
