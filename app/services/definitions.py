"""What an audience's definition may be: empty (its members are supplied) or SQL over the space's datasets."""

from __future__ import annotations

import asyncio
import re

from app.core.errors import Invalid, Problem
from app.snapshots import user_sql

_COMMENTS = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_BEGINNING = re.compile(r"(?:select|with)\b", re.IGNORECASE)
FIELD = "definition.query"


async def checked(query: str) -> str:
    """The definition as it is to be stored; Invalid says what is wrong with it."""
    if not query.strip():
        return ""
    if not _BEGINNING.match(query, _COMMENTS.match(query).end()):  # type: ignore[union-attr]  # matches anything
        raise Invalid(
            "a definition is empty (members are supplied) or SQL that begins with SELECT or WITH; "
            "Segment's own query language is not understood",
            field=FIELD,
        )
    # Reading SQL takes the engine some milliseconds, too long for the loop.
    problems = await asyncio.to_thread(user_sql.check_definition, query)
    if problems:
        raise Invalid(
            "invalid definition",
            problems=[Problem(problem.message, FIELD) for problem in problems],
        )
    return query
