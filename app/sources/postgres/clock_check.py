"""Asks the server which texts of a statement it reads as the clock: ``day = 'today'`` does if ``day`` is a date."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import asyncpg

from app.sources.postgres.clock_texts import is_time_type
from app.sources.postgres.connection import Connection
from app.sources.postgres.failures import QueryRejected
from app.sources.postgres.statement import Statement

_Place = tuple[int, int]


async def refuse_clock_texts(connection: Connection, statement: Statement) -> None:
    """Raise QueryRejected if the server gives a text such as ``'today'`` a type of dates or times. Runs nothing.

    A parameter in the place of a literal gets the type that the server would give the literal.
    """
    if not statement.clock_texts:
        return
    kinds = await _kinds(connection, statement, statement.clock_texts)
    if kinds is None:  # some literals have no parameter in their place: ask for each
        kinds = []
        for place in statement.clock_texts:
            kinds += await _kinds(connection, statement, [place]) or [""]
    for (start, end), kind in zip(statement.clock_texts, kinds, strict=True):
        if is_time_type(kind):
            raise QueryRejected(
                f"{statement.sql[start:end]} depends on when the query runs, because it becomes a {kind}; "
                "use $as_of, the time of the run."
            )


async def _kinds(
    connection: Connection, statement: Statement, places: Sequence[_Place]
) -> list[str] | None:
    """Return the types of parameters in these places. None if the server accepts none there."""
    parts, done = [], 0
    first = 2 if statement.parameters else 1
    for number, (start, end) in enumerate(places, first):
        parts += [statement.sql[done:start], f"${number}"]
        done = end
    probe = "".join([*parts, statement.sql[done:]])
    with contextlib.suppress(
        asyncpg.PostgresSyntaxError, asyncpg.SyntaxOrAccessError, asyncpg.DataError
    ):
        async with (
            connection.transaction()
        ):  # a savepoint: a refused probe does not end the transaction
            prepared = await connection.prepare(probe)
        return [kind.name for kind in prepared.get_parameters()[first - 1 :]]
    return None
