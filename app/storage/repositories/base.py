"""Base classes of all queries: ``Reader`` for reads, ``Repository`` for the tables of one aggregate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import DateTime, Delete, Select, Update, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound
from app.core.pagination import Page, PageRequest, Position, make_page
from app.storage.models import Space
from app.storage.repositories import keyset

M = TypeVar("M")
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


class Reader:
    """Queries in the transaction of a session. Base class of repositories and of ``…Queries``."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def database_now(self) -> datetime:
        """Return the time by the clock of PostgreSQL, which all leases and waits use."""
        return (await self.session.execute(select(DATABASE_NOW))).scalar_one()

    async def _first(
        self, query: Select[M], lock: Lock = None, *, of: type[Any] | None = None
    ) -> M | None:
        """Return the first row of a query as the database has it now, even if the session has loaded it before."""
        query = locked(query, lock, of=of).execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def _all(
        self,
        query: Select[M],
        lock: Lock = None,
        *,
        of: type[Any] | None = None,
        skip_locked: bool = False,
    ) -> Sequence[M]:
        """Return the rows of a query as the database has them now, even if the session has loaded them before."""
        query = locked(query, lock, of=of, skip_locked=skip_locked)
        return (await self.session.scalars(query.execution_options(populate_existing=True))).all()

    async def _number(self, query: Select[Any]) -> int:
        """Return the number that a query selects, 0 for NULL."""
        return int(await self.session.scalar(query) or 0)


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
        return await self._first(self._where(select(self.model), self.key, key), lock)

    async def require(self, *key: str, lock: Lock = None) -> M:
        """Read a row by its key. Raises NotFound if it does not exist."""
        row = await self.get(*key, lock=lock)
        if row is None:
            raise NotFound(f"{self.noun} not found")
        return row

    async def require_in(self, *path: str, lock: Lock = None) -> M:
        """Read a row of a listing by the values of ``parent`` and its id. Raises NotFound if it is not in the listing."""
        query = self._where(select(self.model), (*self.parent, self.key[-1]), path)
        row = await self._first(query, lock)
        if row is None:
            raise NotFound(f"{self.noun} not found")
        return row

    async def walk(self, *parent: str, position: Position, limit: int) -> Sequence[M]:
        """Read a part of a listing, oldest first; before a position newest first."""
        query = self._where(select(self.model), self.parent, parent)
        return await self._all(
            keyset.walk(query, self.key[-1:], position.key, position, limit=limit)
        )

    async def count(self, *parent: str) -> int:
        """Return the length of a listing."""
        query = select(func.count()).select_from(self.model)
        return await self._number(self._where(query, self.parent, parent))

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
        query = self._where(select(self.model), self.parent, parent)
        if before is not None:
            query = query.where(column < before)
        return await self._all(query.order_by(column.desc()).limit(limit))

    async def _write(self, statement: Update | Delete) -> int:
        """Run a statement without looking for its rows in the session. Returns the number of rows that it changed."""
        result = await self.session.execute(statement.execution_options(synchronize_session=False))
        return int(getattr(result, "rowcount", 0))

    def _where(self, query: S, columns: Columns, values: Sequence[str]) -> S:
        conditions: list[ColumnElement[bool]] = [
            column == value for column, value in zip(columns, values, strict=True)
        ]
        if self.living is not None:
            conditions.append(self.living)
        return query.where(*conditions)
