"""Reads without a transaction: each statement is compiled once, and is then one round trip on a connection of the driver.

A session of SQLAlchemy takes 0.8 ms of a processor to read one row. It begins and ends a transaction, and keeps and compares
what it loads. A request that only reads needs none of this, because under READ COMMITTED each statement of a transaction sees
the newest rows anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

import asyncpg
from sqlalchemy import BindParameter, Dialect, Select, TextClause, inspect
from sqlalchemy.engine import IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.instrumentation import manager_of_class
from sqlalchemy.types import TypeEngine

_MOST_PLANS = 2000

Convert = Callable[[Any], Any]
Make = Callable[[Sequence[Any]], Any]
#: Of an argument: its key, the index of its parameter, and the index in the value of that (of a list after IN).
Source = tuple[str, int, int | None, Convert | None]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A compiled statement: its text, where its arguments come from, and how a record becomes a row."""

    sql: str
    sources: tuple[Source, ...]
    converts: tuple[tuple[int, Convert], ...]  # of the values that the driver does not convert
    makes: tuple[Make, ...]  # of the parts of a row; none: the record itself
    names: SimpleResultMetaData | None

    def arguments(
        self, parameters: Sequence[BindParameter[Any]], given: Mapping[str, Any]
    ) -> list[Any]:
        """Return the arguments in the order of ``$1``, ``$2``, …"""
        found = []
        for key, index, element, convert in self.sources:
            value: Any = given[key] if key in given else parameters[index].effective_value
            if element is not None:
                value = value[element]
            found.append(value if convert is None else convert(value))
        return found

    def result(self, records: Sequence[asyncpg.Record]) -> Result[*tuple[Any, ...]]:
        """Return rows as SQLAlchemy does: tuples of objects of models and of values."""
        names = self.names or SimpleResultMetaData(list(records[0].keys()) if records else ())
        return IteratorResult(names, map(self._row, records))

    def _row(self, record: asyncpg.Record) -> Sequence[Any]:
        values = list(record.values())
        for index, convert in self.converts:
            values[index] = convert(values[index])
        return [make(values) for make in self.makes] if self.makes else values


class Plans:
    """The compiled statements of a process."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._plans: dict[Any, _Plan] = {}

    def of(
        self, statement: Select[*tuple[Any, ...]] | TextClause, given: Mapping[str, Any]
    ) -> tuple[_Plan, Sequence[BindParameter[Any]]]:
        """Return the plan of a statement, and its parameters. Lists after IN have a plan for each length.

        Raises TypeError if the statement is not one of these, or if a part of it has no key.
        """
        if not isinstance(statement, Select | TextClause):
            raise TypeError("a session that only reads runs SELECT, and SQL text")
        key = statement._generate_cache_key()
        if key is None:
            raise TypeError("a part of the statement has no key")
        lengths = tuple(
            len(given.get(parameter.key, parameter.effective_value))
            for parameter in key.bindparams
            if parameter.expanding
        )
        plan = self._plans.get((key.key, lengths))
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key.key, lengths] = self._plan(statement, key.bindparams, given)
        return plan, key.bindparams

    def _plan(
        self,
        statement: Select[*tuple[Any, ...]] | TextClause,
        parameters: Sequence[BindParameter[Any]],
        given: Mapping[str, Any],
    ) -> _Plan:
        layout = _Layout(self._dialect)
        if isinstance(statement, Select):
            statement = layout.flattened(statement)
        compiled: Any = statement.compile(dialect=self._dialect)
        state = compiled.construct_expanded_state(dict(given))
        index_of = {parameter.key: index for index, parameter in enumerate(parameters)}
        sources: dict[str, Source] = {}
        for parameter, name in compiled.bind_names.items():
            key = parameter.key
            parts = state.parameter_expansion.get(name)
            for element, part in enumerate(parts) if parts is not None else ((None, name),):
                sources[part] = (key, index_of[key], element, state.processors.get(part))
        return _Plan(
            state.statement,
            tuple(sources[name] for name in state.positiontup or ()),
            tuple(layout.converts),
            tuple(layout.makes),
            SimpleResultMetaData(layout.names) if layout.names else None,
        )


class _Layout:
    """What the columns of a SELECT are: the attributes of an object of a model, or a value."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._width = 0
        self.columns: list[Any] = []
        self.converts: list[tuple[int, Convert]] = []
        self.makes: list[Make] = []
        self.names: list[str] = []

    def flattened(self, statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        """Return the statement with the columns of each model in place of the model."""
        for described in statement.column_descriptions:
            self.names.append(str(described["name"]))
            entity = inspect(described["expr"], raiseerr=False)
            if getattr(entity, "is_mapper", False) or getattr(entity, "is_aliased_class", False):
                self._add_model(described["expr"], entity.mapper)
            else:
                self.makes.append(itemgetter(self._width))
                self._add(described["expr"], described["type"])
        return statement.with_only_columns(*self.columns, maintain_column_froms=True)

    def _add_model(self, model: Any, mapper: Any) -> None:
        start, keys = self._width, []
        for attribute in mapper.column_attrs:
            keys.append(attribute.key)
            self._add(getattr(model, attribute.key), attribute.columns[0].type)
        first = mapper.get_property_by_column(mapper.primary_key[0]).key
        self.makes.append(_object_of(mapper.class_, keys, start, start + keys.index(first)))

    def _add(self, column: Any, kind: TypeEngine[Any]) -> None:
        convert = kind.dialect_impl(self._dialect).result_processor(self._dialect, None)
        if convert is not None:
            self.converts.append((self._width, convert))
        self.columns.append(column)
        self._width += 1


def _object_of(model: type[Any], keys: Sequence[str], start: int, identity: int) -> Make:
    """Return what makes an object of a model from the values of a row, None without an outer-joined row."""
    create: Any = manager_of_class(model).new_instance
    end = start + len(keys)

    def make(values: Sequence[Any]) -> Any:
        if values[identity] is None:
            return None
        made = create()
        made.__dict__.update(zip(keys, values[start:end], strict=True))
        return made

    return make


class ReadSession:
    """What a request that only reads has in place of a session. Changes of the objects that it returns are not saved."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], plans: Plans) -> None:
        self._pool = pool
        self._plans = plans
        self.info: dict[str, Any] = {}

    async def execute(
        self, statement: Any, params: Mapping[str, Any] | None = None, **_: Any
    ) -> Result[*tuple[Any, ...]]:
        """Run a SELECT, or SQL text that selects. Returns its rows."""
        given = params or {}
        plan, parameters = self._plans.of(statement, given)
        return plan.result(await self._pool.fetch(plan.sql, *plan.arguments(parameters, given)))

    async def scalars(
        self, statement: Any, params: Mapping[str, Any] | None = None, **_: Any
    ) -> Any:
        """Run a statement. Returns the first value of each row."""
        return (await self.execute(statement, params)).scalars()

    async def scalar(
        self, statement: Any, params: Mapping[str, Any] | None = None, **_: Any
    ) -> Any:
        """Run a statement. Returns the first value of the first row; None without rows."""
        return (await self.execute(statement, params)).scalar()


def reads_of(pool: asyncpg.Pool[asyncpg.Record], dialect: Dialect) -> Callable[[], AsyncSession]:
    """Return a factory of sessions that only read. They need not be closed."""
    plans = Plans(dialect)
    return lambda: cast(AsyncSession, ReadSession(pool, plans))
