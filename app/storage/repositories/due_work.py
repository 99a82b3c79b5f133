"""All work that is due, read by one statement that is built once: each worker sends it every second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, literal_column, select, union_all

from app.storage.models import AudiencePreview, Erasure, Notice, Run, Sync
from app.storage.repositories import erasures, notices, previews
from app.storage.repositories.base import DATABASE_NOW, Reader, in_turns
from app.storage.repositories.due import is_to_be_planned, is_to_be_settled, sendable
from app.storage.repositories.left_calls import to_ask
from app.storage.repositories.runs import RUN_IS_DUE

PREVIEWS = 20  # at once

_NO_TURN: ColumnElement[int] = literal_column("0::bigint")
_NO_TIME: ColumnElement[datetime] = literal_column("NULL::timestamptz")
_NOT_COUNTED: ColumnElement[int] = literal_column("NULL::int")


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work: the name of its task, and how often it was begun (None: that is not counted)."""

    task: str
    space_id: str
    subject_id: str
    attempts: int | None


class WorkQueries(Reader):
    """Reads across all tables that hold work."""

    async def due(self, limit: int) -> tuple[datetime | None, Sequence[Work]]:
        """Read what is due, the most urgent kind first; up to ``limit`` of each kind, the workspaces in turn.

        Returns also the time by the clock of PostgreSQL, None if nothing is due. Example: after an upload there is
        ``Work("recompute", "spa_1", "run_1", 0)``.
        """
        rows = (await self.session.execute(_statement(limit))).all()
        return (rows[0].now if rows else None), [
            Work(row.task, row.space_id, row.subject_id, row.attempts) for row in rows
        ]


@cache
def _statement(limit: int) -> CompoundSelect[Any]:
    """Build the statement. Its rows are sorted by the place of the kind in this list, then by turn and time."""
    few, left = min(limit, PREVIEWS), to_ask().limit(limit).subquery()
    kinds = (
        _rows("settle", Sync, Sync.opened_at).where(*is_to_be_settled()).limit(limit),
        _columns("deliver", literal_column("''"), literal_column("'any'")).where(
            sendable().exists()
        ),
        _rows("plan", Sync, Sync.opened_at).where(*is_to_be_planned()).limit(limit),
        _rows("recompute", Run, Run.created_at).where(*RUN_IS_DUE).limit(limit),
        _rows("preview", AudiencePreview, AudiencePreview.created_at)
        .where(*previews.IS_DUE)
        .limit(few),
        _rows("notify", Notice, Notice.next_at, in_turn=False).where(*notices.IS_DUE).limit(limit),
        _rows("erase", Erasure, Erasure.created_at).where(*erasures.IS_DUE).limit(limit),
        _columns("ask", left.c.space_id, left.c.activation_id),
    )
    placed = (
        kind.add_columns(literal_column(str(place)).label("place"))
        for place, kind in enumerate(kinds)
    )
    return union_all(*placed).order_by("place", "turn", "since")


def _rows(task: str, model: Any, since: Any, *, in_turn: bool = True) -> Select[Any]:
    """Select rows of a table that has attempts, the workspaces in turn or not."""
    turn = in_turns(model.space_id, since)[0] if in_turn else _NO_TURN
    query = _columns(task, model.space_id, model.id, model.attempts, turn, since)
    return query.order_by("turn", "since")


def _columns(
    task: str,
    space_id: Any,
    subject_id: Any,
    attempts: ColumnElement[Any] = _NOT_COUNTED,
    turn: ColumnElement[Any] = _NO_TURN,
    since: ColumnElement[Any] = _NO_TIME,
) -> Select[Any]:
    return select(
        DATABASE_NOW.label("now"),
        literal_column(f"'{task}'").label("task"),
        space_id.label("space_id"),
        subject_id.label("subject_id"),
        attempts.label("attempts"),
        turn.label("turn"),
        since.label("since"),
    )
