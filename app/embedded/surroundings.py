"""The checks before anything is served: settings, the object store, and the mail server. (``connections`` checks the database.)"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.connectors.addresses import OutboundPolicy
from app.core.config import Settings, misspelled_settings
from app.core.crypto import Keyring
from app.core.logging import get_logger
from app.core.objects import StoreError
from app.embedded.errors import ExitCode, StartError, StoreUnusable
from app.services.platform import open_store

log = get_logger(__name__)

_STORE_SECONDS = 30.0
_MAIL_SECONDS = 5.0


def check_surroundings(settings: Settings) -> None:
    """Check what the service needs. Raises StartError with one sentence, or KeyringError.

    The service works without a mail server. This is logged only.
    """
    Keyring.from_settings(settings)
    try:
        OutboundPolicy(settings.outbound_allow)
    except ValueError as error:
        raise StartError(str(error), ExitCode.WRONG_SETTING) from error
    asyncio.run(_check_servers(settings))


def check_names() -> None:
    """Refuse a name that is nearly a setting's, because the setting would have no effect. Logs other unknown names.

    Raises StartError.
    """
    for name, meant in misspelled_settings().items():
        if meant is not None:
            raise StartError(
                f"The setting {name} does not exist (meant: {meant}?). Correct the name, or remove it.",
                ExitCode.WRONG_SETTING,
            )
        log.warning("setting_unknown", name=name, advice="see .env.example for all names")


def check_files(settings: Settings, named: Sequence[str]) -> None:
    """Log an error if the object store has none of some files that the database names: it may be another store, or another folder.

    The service starts all the same, because a store can be lost for good. Raises StoreUnusable if it does not respond.
    """
    if named and not asyncio.run(_has_one(settings, named)):
        log.error(
            "store_lacks_files",
            store=_place(settings),
            missing=len(named),
            example=named[0],
            advice="check STORAGE_URL, or the folder with the data; if the store was moved, stop, and copy its files first",
        )


async def _has_one(settings: Settings, keys: Sequence[str]) -> bool:
    with _explained(settings):
        async with asyncio.timeout(_STORE_SECONDS):
            store = open_store(settings)
            for key in keys:
                if await store.exists(key):
                    return True
    return False


async def _check_servers(settings: Settings) -> None:
    await _check_store(settings)
    if settings.smtp_url is not None:
        await _check_mail(settings.smtp_url.get_secret_value())


async def _check_store(settings: Settings) -> None:
    """Write a small object, read it and delete it. Raises StoreUnusable."""
    with _explained(settings):
        async with asyncio.timeout(_STORE_SECONDS):
            await open_store(settings).try_out()


def _place(settings: Settings) -> str:
    return settings.storage.partition("?")[0]


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Translate the errors of a store into StoreUnusable."""
    place = _place(settings)
    try:
        yield
    except TimeoutError as error:
        raise StoreUnusable(
            f"The object store {place} does not respond within {_STORE_SECONDS:g} s. Check STORAGE_URL."
        ) from error
    except (StoreError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise StoreUnusable(f"The object store {place} cannot be used: {reason}.") from error


async def _check_mail(url: str) -> None:
    address = urlsplit(url)
    client = aiosmtplib.SMTP(
        hostname=address.hostname,
        port=address.port or (465 if address.scheme == "smtps" else 587),
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        use_tls=address.scheme == "smtps",
        timeout=_MAIL_SECONDS,
    )
    try:
        async with client:
            pass
    except (aiosmtplib.SMTPException, OSError) as error:
        log.warning(
            "mail_unavailable",
            server=address.hostname,
            reason=" ".join(str(error).split()),
            action="notices by mail are tried again later",
        )
