"""SQL that SQLAlchemy has compiled, shared by the databases of all tests of a process.

Each test opens the database anew, and SQLAlchemy keeps compiled SQL for each engine. Compiling the same statements again for
each test takes a fifth of the time of the tests that use a database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.storage import engine


class _Sharing:
    """Creates engines that share the dialect, which is part of each key of the cache, and the cache of the first one."""

    def __init__(self) -> None:
        self._first: Any = None

    def __call__(self, url: str, **options: Any) -> AsyncEngine:
        created = create_async_engine(url, **options)
        made: Any = created.sync_engine
        if self._first is None:
            self._first = made
        made.dialect = made.pool._dialect = self._first.dialect
        made._compiled_cache = self._first._compiled_cache
        return created


def share_compiled_statements() -> None:
    """Let all engines that this process opens share what they compile. Call it before the first is opened."""
    vars(engine)["create_async_engine"] = _Sharing()
