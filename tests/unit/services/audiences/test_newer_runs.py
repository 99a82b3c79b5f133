"""Which run becomes current: the one of the later moment, unless a clock was ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.services.audiences.recompute import _is_newer

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("previous", "as_of", "newer"),
    [
        (None, NOW, True),
        (NOW - HOUR, NOW, True),
        (NOW, NOW - HOUR, False),
        (NOW + timedelta(seconds=30), NOW, False),
        (NOW + 3 * HOUR, NOW, True),
    ],
    ids=["first", "later", "earlier", "clocks differ a little", "of a time to come"],
)
def test_a_run_becomes_current(previous: datetime | None, as_of: datetime, newer: bool) -> None:
    before = None if previous is None else SimpleNamespace(as_of=previous)
    run = SimpleNamespace(kind="definition", make_current=False, as_of=as_of)
    work = cast(Any, SimpleNamespace(run=run, previous=before))
    assert _is_newer(work, NOW) is newer
