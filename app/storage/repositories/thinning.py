"""The condition that a row of the history is followed by one of the same hour or day (``app.domain.history``)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func

from app.domain.history import ALL_FOR, HOURLY_FOR


def is_followed(moment: ColumnElement[Any], following: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a row of ``moment`` is not kept, because the next row is of the same hour or day (UTC).

    The last row of an hour is kept, in the second week and later the last one of a day. ``now()`` is the begin of the
    transaction: the planner can use an index with it.
    """
    unit = case((moment < func.now() - HOURLY_FOR, "day"), else_="hour")
    same = func.date_trunc(unit, moment, "UTC") == func.date_trunc(unit, following, "UTC")
    return and_(moment < func.now() - ALL_FOR, same)


def is_of_day(moment: ColumnElement[Any], age: timedelta) -> ColumnElement[bool]:
    """Return the condition that a moment is up to a day before ``age`` ago: a part of the history that one statement reads."""
    return and_(moment <= func.now() - age, moment > func.now() - age - timedelta(days=1))
