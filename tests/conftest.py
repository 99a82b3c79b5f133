"""Settings of the processes that run tests, and of the one that distributes them. The fixtures are in ``tests.fixtures``."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from app.core.without_pandas import hide_pandas
from tests.memory import keep_temporary_files_in_memory

keep_temporary_files_in_memory()


hide_pandas()
gc.disable()  # until the tests are collected: what is imported stays


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, except in the process that only distributes the tests: all others wait until it has started."""
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        config.pluginmanager.import_plugin("tests.fixtures")


#: Folders whose tests all have the marker of their name.
_APART = frozenset({"attack", "browser", "clients", "upgrades"})


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders whose marker is not asked for: their imports take seconds."""
    name = collection_path.name
    return True if name in _APART and f"not {name}" in config.option.markexpr else None


def pytest_collection_finish() -> None:
    """Leave what was imported out of later garbage collections, and collect more rarely: both save a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_unconfigure() -> None:
    """Let the end of the process collect everything, or DuckDB reports its own objects as leaked."""
    gc.unfreeze()
