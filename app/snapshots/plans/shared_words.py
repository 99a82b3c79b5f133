"""Words that are absent in ids only if two rows share them: ``-``, ``nan`` and ``none``."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from dataclasses import replace

from app.domain.absent_words import SHARED_WORDS
from app.domain.normalise import folded_sql, word_sql
from app.snapshots.engine import Cursor, PlanSpec
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import entries_of, given_values

_LONGEST = max(map(len, SHARED_WORDS)) + 8  # bytes, with some blanks at the ends


def with_shared(cursor: Cursor, whole: Members, spec: PlanSpec) -> Members:
    """Mark the words that two rows share in an id of the specification."""
    found = {
        f"{entry.external_id}:{word}"
        for entry in entries_of(spec, whole)
        if entry.normaliser == "text" and (given := given_values(entry, whole)) is not None
        for word in _shared(cursor, whole, given)
    }
    if not found:
        return whole
    return replace(whole, marks=replace(whole.marks, shared=whole.marks.shared | found))


def _shared(cursor: Cursor, whole: Members, given: str) -> list[str]:
    word = word_sql("v", SHARED_WORDS)
    rows = cursor.execute(
        f"""SELECT {folded_sql("v")} FROM (SELECT member_id, unnest({given}) AS v FROM {whole.sql} AS rows) AS each
        WHERE strlen(v) <= {_LONGEST} AND {word} GROUP BY ALL HAVING count(DISTINCT member_id) > 1"""
    ).fetchall()
    return [text for (text,) in rows]
