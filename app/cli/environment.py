"""The settings, servers and platform that commands run with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.core.config import Settings
from app.core.logging import configure_logging
from app.embedded.errors import ExitCode, StartError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.services.platform import Platform

T = TypeVar("T")


def read_settings(data: Path | None) -> Settings:
    """Read the settings, with the given data folder if there is one, and set up logging."""
    settings = Settings() if data is None else Settings(data_dir=data)
    configure_logging(settings)
    return settings


@contextmanager
def complete_settings(data: Path | None, *, files: bool = True) -> Iterator[Settings]:
    """Provide settings with servers and keys: the configured ones, else those of the data folder.

    With servers of its own, an installation gets a data folder only if ``files`` are kept there (objects, local copies), and
    only after the servers were found. Raises StartError if there are no keys.
    """
    from app.embedded.connections import with_servers
    from app.embedded.data_folder import with_data_dir
    from app.embedded.keys import with_keys

    settings = read_settings(data)
    embedded = settings.database_url is None
    settings = with_keys(with_data_dir(settings) if embedded else settings, make=embedded)
    if settings.encryption_keys is None or settings.token_pepper is None:
        raise StartError(
            "ACTIVATIONS_ENCRYPTION_KEYS and ACTIVATIONS_TOKEN_PEPPER are not set, and the data folder has no keys. "
            "All hosts that use one database need the same keys. `activations up` writes its keys to DIR/keys."
        )
    configure_logging(settings)
    with with_servers(settings) as (complete, _):
        yield complete if embedded else with_data_dir(complete, files=files)


def read_database(data: Path | None, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Run work in one read-only transaction. Creates, migrates and changes nothing.

    Raises StartError if there is no database, or if it does not have the migrations of this version.
    """
    from app.embedded.connections import check_migrated_database, with_servers

    settings = read_settings(data)
    require_database(settings)
    with with_servers(settings) as (complete, _):
        check_migrated_database(complete)
        return asyncio.run(_read(complete, work))


async def _read(settings: Settings, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    from app.storage.engine import open_database

    assert settings.database_url is not None  # noqa: S101  `with_servers` sets it
    database = open_database(settings.database_url.get_secret_value())
    try:
        async with database.sessions() as session:
            await session.connection(execution_options={"postgresql_readonly": True})
            return await work(session)
    finally:
        await database.close()


def require_database(settings: Settings) -> None:
    """Refuse a folder without data: a start of servers there would create an empty database. Raises StartError."""
    from app.embedded.folders import has_servers

    if settings.database_url is None and not has_servers(settings.data_dir):
        raise StartError(
            f"The folder {settings.data_dir.absolute()} has no data of the service. Name its folder with --data, or set "
            "DATABASE_URL. `activations up` starts a new service.",
            ExitCode.FOLDER_NOT_USABLE,
        )


@contextmanager
def platform_runner(data: Path | None) -> Iterator[tuple[asyncio.Runner, Platform]]:
    """Open a platform on a migrated database. Provides it with the runner of its event loop.

    Raises StartError if there is no database, or if it does not have the migrations of this version.
    """
    from app.embedded.connections import check_migrated_database
    from app.services.platform import open_platform
    from app.services.tenancy import check_keys

    require_database(read_settings(data))
    with complete_settings(data) as settings:
        check_migrated_database(settings)
        with asyncio.Runner() as runner:
            runner.run(check_keys(settings))
            platform = runner.run(open_platform(settings))
            try:
                yield runner, platform
            finally:
                runner.run(platform.close())
