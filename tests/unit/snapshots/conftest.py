"""An engine for the tests of snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.snapshots.engine import Cursor
from app.snapshots.engine.connections import connect
from tests.unit.snapshots.files import Instance


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One instance for a module's tests."""
    instance = Instance(connect("300MB", 1, tmp_path_factory.mktemp("engine")))
    yield instance
    instance.close()


@pytest.fixture
def cursor(engine: Instance) -> Iterator[Cursor]:
    """A cursor of its own."""
    with engine.cursor() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's files go."""
    return tmp_path
