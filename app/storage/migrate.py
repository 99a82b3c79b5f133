"""Migration of a database to the newest revision, from a checkout or from an installed wheel."""

from __future__ import annotations

import functools
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

_PACKAGE = Path(__file__).resolve().parents[1]


def configuration(database_url: str) -> AlembicConfig:
    """Return the Alembic configuration for a database. The scripts are inside the package, or next to it."""
    inside = _PACKAGE / "migrations"
    scripts = inside if inside.is_dir() else _PACKAGE.parent / "migrations"
    config = AlembicConfig()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run all missing migrations. Must be called outside an event loop."""
    command.upgrade(configuration(database_url), revision)


@functools.cache
def head() -> str | None:
    """Return the newest revision that this code contains. It reads all migrations once in a process."""
    return ScriptDirectory.from_config(configuration("")).get_current_head()


def is_known(revision: str) -> bool:
    """Return whether this code contains a revision."""
    scripts = ScriptDirectory.from_config(configuration(""))
    return any(script.revision == revision for script in scripts.walk_revisions())
