"""Words that are absent in ids only if two rows share them: ``-``, ``nan`` and ``none``."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from dataclasses import replace

from app.domain.absent_words import SHARED_WORDS
from app.domain.normalise import begins_sql, folded_sql, word_sql
from app.domain.text_forms import BLANKS
from app.snapshots.engine import Cursor, PlanSpec, sql_text
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import entries_of, given_values
from app.snapshots.plans.named_columns import named_identifiers

_LONGEST = max(map(len, SHARED_WORDS))  # bytes of a word
_BEGINNINGS = sorted({letter for word in SHARED_WORDS for letter in (word[0], word[0].upper())})
_BLANKS = sql_text(BLANKS)


def with_shared(cursor: Cursor, whole: Members, spec: PlanSpec) -> Members:
    """Mark the words that two rows share in an id of the specification, or in one that a mapping names beside these."""
    found = {
        f"{entry.external_id}:{word}"
        for entry in (*entries_of(spec, whole), *named_identifiers(spec, whole))
        if entry.normaliser == "text" and (given := given_values(entry, whole)) is not None
        for word in _shared(cursor, whole, given)
    }
    if not found:
        return whole
    return replace(whole, marks=replace(whole.marks, shared=whole.marks.shared | found))


def _shared(cursor: Cursor, whole: Members, given: str) -> list[str]:
    word = word_sql("v", SHARED_WORDS)
    # Most values cost only these comparisons: they are neither short, nor begin with a blank, nor like a word with one at the end.
    may_be_word = f"""(strlen(v) <= {_LONGEST} OR v < '!' OR v > '~~~~'
        OR ({begins_sql("v", _BEGINNINGS)} AND contains({_BLANKS}, right(v, 1))))"""
    rows = cursor.execute(
        f"""SELECT {folded_sql("v")} FROM (SELECT member_id, unnest({given}) AS v FROM {whole.sql} AS rows) AS each
        WHERE CASE WHEN {may_be_word} THEN {word} ELSE false END GROUP BY ALL HAVING count(DISTINCT member_id) > 1"""
    ).fetchall()
    return [text for (text,) in rows]
