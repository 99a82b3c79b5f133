"""Refusals that are tried again: of the keys that an outcome rejected for a reason, a plan forgets that they were refused."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.changes import Disposition
from app.snapshots.engine import Cursor, sql_text, stored_relation

#: The table that ``without_refusals`` creates: ``k``.
RETRIED = "retried_keys"


@dataclass(frozen=True, slots=True)
class Retried:
    """The changes that the outcome of a sync has as rejected with this code."""

    outcome: Path
    reason: str


def without_refusals(cursor: Cursor, held: str, retried: Sequence[Retried]) -> str:
    """Return the relation of held rows in which the retried keys have no refused hash. Creates the table ``retried_keys``."""
    if not retried:
        return held
    keys = " UNION ".join(
        f"""SELECT k FROM {stored_relation([one.outcome])} AS outcome
            WHERE disposition = '{Disposition.REJECTED}' AND code = {sql_text(one.reason)}"""
        for one in retried
    )
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {RETRIED} AS {keys}")
    forgotten = f"CASE WHEN k IN (SELECT k FROM {RETRIED}) THEN NULL ELSE fp1_refused END"
    return f"(SELECT * REPLACE ({forgotten} AS fp1_refused) FROM {held} AS rows)"
