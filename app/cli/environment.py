"""The settings, servers and platform that commands run with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.config import Settings
from app.core.logging import configure_logging
from app.embedded.errors import StartError

if TYPE_CHECKING:
    from app.services.platform import Platform


def read_settings(data: Path | None) -> Settings:
    """Read the settings, with the given data folder if there is one, and set up logging."""
    settings = Settings() if data is None else Settings(data_dir=data)
    configure_logging(settings)
    return settings


@contextmanager
def complete_settings(data: Path | None) -> Iterator[Settings]:
    """Provide settings with servers and keys: the configured ones, else those of the data folder.

    Raises StartError if there are no keys.
    """
    from app.embedded.connections import with_servers
    from app.embedded.data_folder import with_data_dir
    from app.embedded.keys import with_keys

    settings = with_data_dir(read_settings(data))
    settings = with_keys(settings, make=settings.database_url is None)
    if settings.encryption_keys is None or settings.token_pepper is None:
        raise StartError(
            "ACTIVATIONS_ENCRYPTION_KEYS and ACTIVATIONS_TOKEN_PEPPER are not set, and the data folder has no keys. "
            "All hosts that use one database need the same keys. `activations up` writes its keys to DIR/keys."
        )
    configure_logging(settings)
    with with_servers(settings) as (complete, _):
        yield complete


@contextmanager
def platform_runner(data: Path | None) -> Iterator[tuple[asyncio.Runner, Platform]]:
    """Open a platform on a migrated database. Provides it with the runner of its event loop."""
    from app.embedded.connections import migrate_database
    from app.services.platform import open_platform

    with complete_settings(data) as settings:
        migrate_database(settings)
        with asyncio.Runner() as runner:
            platform = runner.run(open_platform(settings))
            try:
                yield runner, platform
            finally:
                runner.run(platform.close())
