"""Migration of a database to the newest revision, from a checkout or from an installed wheel."""

from __future__ import annotations

from alembic import command
from alembic.config import Config as AlembicConfig

from app.storage.revisions import scripts_folder


def configuration(database_url: str) -> AlembicConfig:
    """Return the Alembic configuration for a database."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run all missing migrations. Must be called outside an event loop."""
    command.upgrade(configuration(database_url), revision)
