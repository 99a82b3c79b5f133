"""A platform of local files, for tests of services that need no database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from app.core.objects import ObjectStore
from app.services.platform.platform import Platform
from app.snapshots.engine.engine import Engine


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Platform]:
    """A platform with an engine and an object store in a folder, and nothing else."""
    engine = Engine("300MB", 1, tmp_path / "scratch")
    objects = ObjectStore.from_url((tmp_path / "objects").as_uri(), tmp_path / "cache")
    yield cast(Platform, SimpleNamespace(engine=engine, objects=objects))
    engine.close()
