"""Base classes of all queries: ``Reader`` for reads, ``Repository`` for the tables of one aggregate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, TypeVarTuple

from sqlalchemy import DateTime, Delete, Row, Select, Update, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound
from app.core.pagination import Page, PageRequest, Position, make_page
from app.storage.models import Space
from app.storage.repositories import keyset
from app.storage.repositories.built import Built, built

M = TypeVar("M")
Ts = TypeVarTuple("Ts")
S = TypeVar("S", bound=Select[*tuple[Any, ...]])

#: What a lock keeps others from. ``keep``: removing the row (FOR KEY SHARE). ``read``: changing it, too (FOR SHARE).
#: ``update``: changing or reading it under a lock (FOR NO KEY UPDATE). ``remove``: all of these (FOR UPDATE). PostgreSQL
#: itself takes FOR KEY SHARE on the row that a foreign key names, at moments that the code does not show, so a lock
#: before a change must let it pass. The order of locks is rule R7.
Lock = Literal["keep", "read", "update", "remove"] | None
_MODES: dict[str, tuple[bool, bool]] = {  # read, key_share
    "keep": (True, True),
    "read": (True, False),
    "update": (False, True),
    "remove": (False, False),
}
Columns = Sequence[InstrumentedAttribute[Any]]


def in_turns(
    space_id: InstrumentedAttribute[Any], moment: InstrumentedAttribute[Any]
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Order rows so that the oldest of each workspace come first, then the second oldest: a limit cuts off nobody."""
    workspace = select(Space.workspace_id).where(Space.id == space_id).scalar_subquery()
    return func.row_number().over(partition_by=workspace, order_by=moment), moment.expression


DATABASE_NOW = func.clock_timestamp(type_=DateTime(timezone=True))


def locked(query: S, lock: Lock, *, of: type[Any] | None = None, skip_locked: bool = False) -> S:
    """Add a lock to a query: on the rows of the model ``of``, by default on all. Locked rows are waited for, or skipped."""
    if lock is None:
        return query
    read, key_share = _MODES[lock]
    return query.with_for_update(read=read, key_share=key_share, of=of, skip_locked=skip_locked)


_AS_STORED = {"populate_existing": True}
_KNOWN = "known"  # key in ``session.info`` of ``{(model, *key): row}``
_UNSYNCHRONIZED = {"synchronize_session": False}


def _ready(
    query: S | Built[S], lock: Lock, of: type[Any] | None, skip_locked: bool
) -> tuple[S, Mapping[str, Any] | None]:
    """Return a query with a lock, and its values."""
    if not isinstance(query, Built):
        return locked(query, lock, of=of, skip_locked=skip_locked), None
    form = query.form
    if lock is None:
        return form.statement, query.values
    key = lock, of, skip_locked
    found = form.locked.get(key)
    if found is None:
        found = form.locked[key] = locked(form.statement, lock, of=of, skip_locked=skip_locked)
    return found, query.values


class Reader:
    """Queries in the transaction of a session. Base class of repositories and of ``…Queries``."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def database_now(self) -> datetime:
        """Return the time by the clock of PostgreSQL, which all leases and waits use."""
        return (await self.session.execute(select(DATABASE_NOW))).scalar_one()

    async def _first(
        self, query: Select[M] | Built[Select[M]], lock: Lock = None, *, of: type[Any] | None = None
    ) -> M | None:
        """Return the first row of a query as the database has it now, even if the session has loaded it before."""
        found = await self._scalars(query, lock, of, False)
        return found[0] if found else None

    async def _all(
        self,
        query: Select[M] | Built[Select[M]],
        lock: Lock = None,
        *,
        of: type[Any] | None = None,
        skip_locked: bool = False,
    ) -> Sequence[M]:
        """Return the rows of a query as the database has them now, even if the session has loaded them before."""
        return await self._scalars(query, lock, of, skip_locked)

    async def _scalars(
        self,
        query: Select[M] | Built[Select[M]],
        lock: Lock,
        of: type[Any] | None,
        skip_locked: bool,
    ) -> Sequence[M]:
        statement, values = _ready(query, lock, of, skip_locked)
        found = await self.session.scalars(statement, values, execution_options=_AS_STORED)
        return found.all()

    async def _rows(
        self,
        query: Select[*Ts] | Built[Select[*Ts]],
        lock: Lock = None,
        *,
        of: type[Any] | None = None,
        skip_locked: bool = False,
    ) -> Sequence[Row[*Ts]]:
        """Return the rows of a query of several columns."""
        statement, values = _ready(query, lock, of, skip_locked)
        return (await self.session.execute(statement, values)).all()

    async def _number(self, query: Select[Any] | Built[Select[Any]]) -> int:
        """Return the number that a query selects, 0 for NULL."""
        return int(await self._value(query) or 0)

    async def _value(self, query: Select[M] | Built[Select[M]]) -> M | None:
        """Return the first value of the first row of a query, None without rows."""
        statement, values = _ready(query, None, None, False)
        return await self.session.scalar(statement, values)


class Repository(Reader, Generic[M]):
    """The rows of one aggregate. Its tables are written by this class only.

    A subclass names the columns that identify a row (``key``) and the listing that it belongs to (``parent``), and for
    rows that are only marked as deleted the condition ``living``. Listings are sorted by the last column of ``key``.
    """

    model: type[M]
    noun: str
    key: Columns
    parent: Columns
    living: ColumnElement[bool] | None = None

    async def get(self, *key: str, lock: Lock = None) -> M | None:
        """Read a row by its key, such as space and id. Returns None if it does not exist."""
        return await self._first(_by_key(type(self), *key), lock)

    async def known(self, *key: str) -> M | None:
        """Read a row by its key once for each session. For values of a row that nobody changes, such as a revision."""
        rows: dict[tuple[Any, ...], M] = self.session.info.setdefault(_KNOWN, {})
        place = self.model, *key
        if place not in rows and (found := await self.get(*key)) is not None:
            rows[place] = found
        return rows.get(place)

    def remember(self, row: M) -> None:
        """Let :meth:`known` of this session return a row that was just added."""
        key = (getattr(row, column.key) for column in self.key)
        self.session.info.setdefault(_KNOWN, {})[(self.model, *key)] = row

    async def require(self, *key: str, lock: Lock = None) -> M:
        """Read a row by its key. Raises NotFound if it does not exist."""
        row = await self.get(*key, lock=lock)
        if row is None:
            raise NotFound.of(self.noun, key[-1])
        return row

    async def require_in(self, *path: str, lock: Lock = None) -> M:
        """Read a row of a listing by the values of ``parent`` and its id. Raises NotFound if it is not in the listing."""
        row: M | None = await self._first(_by_path(type(self), *path), lock)
        if row is None:
            raise NotFound.of(self.noun, path[-1])
        return row

    async def walk(self, *parent: str, position: Position, limit: int) -> Sequence[M]:
        """Read a part of a listing, oldest first; before a position newest first."""
        key = position.key[0] if position.key else None
        return await self._all(_walk(type(self), Position(position.side), key, limit, *parent))

    async def count(self, *parent: str) -> int:
        """Return the length of a listing."""
        return await self._number(_count(type(self), *parent))

    async def page(self, *parent: str, request: PageRequest) -> Page[M]:
        """Read a page of a listing, oldest first."""
        position = request.position()
        found = await self.walk(*parent, position=position, limit=request.count + 1)
        total = await self.count(*parent)
        return make_page(
            found,
            request=request,
            position=position,
            key=lambda row: (getattr(row, self.key[-1].key),),
            total=total,
        )

    def add(self, row: M) -> None:
        """Add a new row to the session; the next flush inserts it."""
        self.session.add(row)

    async def delete(self, row: M) -> None:
        """Delete a row."""
        await self.session.delete(row)
        await self.session.flush()

    async def _newest(self, *parent: str, column: Any, before: Any, limit: int) -> Sequence[M]:
        """Read a part of a listing in descending order of ``column``, below the value ``before`` if it is given."""
        return await self._all(_newest(type(self), column, before, limit, *parent))

    async def _write(self, statement: Update | Delete) -> int:
        """Run a statement without looking for its rows in the session. Returns the number of rows that it changed."""
        result = await self.session.execute(statement, execution_options=_UNSYNCHRONIZED)
        return int(getattr(result, "rowcount", 0))

    @classmethod
    def _where(cls, query: S, columns: Columns, values: Sequence[str]) -> S:
        conditions: list[ColumnElement[bool]] = [
            column == value for column, value in zip(columns, values, strict=True)
        ]
        if cls.living is not None:
            conditions.append(cls.living)
        return query.where(*conditions)


Rows = type[Repository[Any]]


@built
def _by_key(rows: Rows, *key: str) -> Select[Any]:
    return rows._where(select(rows.model), rows.key, key)


@built
def _by_path(rows: Rows, *path: str) -> Select[Any]:
    return rows._where(select(rows.model), (*rows.parent, rows.key[-1]), path)


@built
def _walk(rows: Rows, start: Position, key: str | None, limit: int, *parent: str) -> Select[Any]:
    query = rows._where(select(rows.model), rows.parent, parent)
    return keyset.walk(query, rows.key[-1:], (key,), start, limit=limit)


@built
def _count(rows: Rows, *parent: str) -> Select[int]:
    return rows._where(select(func.count()).select_from(rows.model), rows.parent, parent)


@built
def _newest(rows: Rows, column: Any, before: Any, limit: int, *parent: str) -> Select[Any]:
    query = rows._where(select(rows.model), rows.parent, parent)
    if before is not None:
        query = query.where(column < before)
    return query.order_by(column.desc()).limit(limit)
