"""The check of a definition: one SELECT, whose result depends only on its datasets and ``$as_of``.

Nothing is run here. The check gives early and clear messages; the child process of ``user_sql`` enforces the limits.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import orjson

from app.core.errors import Problem
from app.snapshots.definitions.engine_faults import fault_of
from app.snapshots.definitions.query_faults import forbidden, unknown_tables
from app.snapshots.definitions.syntax import needs_quotes, parse

FIELD = "definition.query"
_MAX_LENGTH = 64 * 1024
#: A name where a table is expected.
_NAMED = re.compile(r"(?:\b(?:from|join)|,)\s+(\w+)", re.IGNORECASE)
_MAX_NESTING = 100  # many thousands crash the engine's parser


def check_definition(sql: str, datasets: Collection[str] | None = None) -> list[Problem]:
    """List the problems of a definition. An empty one (supplied membership) has none.

    ``datasets`` are the names of the space's datasets, if the query may read no other tables.
    """
    if not sql.strip():
        return []
    if len(sql) > _MAX_LENGTH:
        return [_problem(f"The query is longer than {_MAX_LENGTH} characters.")]
    if "\0" in sql or _nesting(sql) > _MAX_NESTING:
        return [
            _problem(f"The query nests deeper than {_MAX_NESTING} levels, or has NUL characters.")
        ]
    return _checked(sql, datasets)


def _problem(message: str) -> Problem:
    return Problem(message, FIELD)


def _nesting(sql: str) -> int:
    """Return the depth of brackets. Brackets in text literals count too, which does no harm."""
    depth = deepest = 0
    for character in sql:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _checked(sql: str, datasets: Collection[str] | None) -> list[Problem]:
    query = parse(sql)
    if query.fault is not None:
        fault = fault_of(query.fault, sql, ())
        return [_problem(f"The query is not valid SQL. {fault}{_unquoted(sql, datasets or ())}")]
    if not query.is_select:
        return [_problem("A definition is exactly one SELECT (or WITH … SELECT).")]
    unknown = sorted(name for name in query.parameters if name.lower() != "as_of")
    if unknown:
        return [_problem(f"The only parameter is $as_of, not ${unknown[0]}.")]
    return _tree_problems(query.tree, sql, datasets)


def _unquoted(sql: str, datasets: Collection[str]) -> str:
    """Return which datasets a query that cannot be parsed names without the quotes that they need, or an empty text."""
    named = {name.lower() for name in _NAMED.findall(sql)}
    found = [name for name in datasets if name.lower() in named and needs_quotes(name)]
    return "".join(
        f'. The name of the dataset {name} is a word of SQL; write it in double quotes: FROM "{name}"'
        for name in found
    )


def _tree_problems(tree: str, sql: str, datasets: Collection[str] | None) -> list[Problem]:
    try:
        parsed = orjson.loads(tree)
    except orjson.JSONDecodeError:
        # Hundreds of tables, each joined to the one before, are as many levels.
        return [_problem("The query nests too deep; join fewer tables in one FROM.")]
    if parsed.get("error"):
        return [_problem(f"The query is not valid SQL: {parsed.get('error_message')}")]
    messages = (*forbidden(parsed), *unknown_tables(parsed, sql, datasets))
    return [_problem(message) for message in dict.fromkeys(messages)]
