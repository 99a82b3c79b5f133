"""The first start: a workspace, a space and a token are created, so that the service can be used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import clock
from app.core.config import Settings
from app.core.crypto import Binding, Keyring, KeyringError
from app.services.tenancy import spaces, tokens
from app.storage.engine import open_database
from app.storage.models import EncryptionCheck, Workspace
from app.storage.repositories.encryption_checks import EncryptionCheckRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.tokens import TokenRepository
from app.storage.repositories.workspaces import WorkspaceRepository
from app.storage.session import unit_of_work_of

WORKSPACE = "ws_default"
ACTOR = "bootstrap"
_KNOWN = b"activations"
_PEPPER = "|pepper"  # in place of a key's name, which has no such character


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The first workspace and space, and the token's text if the token was created now."""

    workspace_id: str
    space_id: str
    token: str | None


async def bootstrap_service(settings: Settings) -> Bootstrap:
    """Create what is missing. Raises KeyringError if the database was written with another key."""
    async with _checked(settings) as (session, keyring):
        return await _ensure(session, keyring)


async def check_keys(settings: Settings) -> None:
    """Refuse to start with other keys than those of the migrated database. Raises KeyringError."""
    async with _checked(settings):
        pass


@asynccontextmanager
async def _checked(settings: Settings) -> AsyncIterator[tuple[AsyncSession, Keyring]]:
    """Open a transaction in which no other process starts for the first time, with the keys, which were checked."""
    assert settings.database_url is not None  # noqa: S101  the caller has connected and migrated
    keyring = Keyring.from_settings(settings)
    database = open_database(settings.database_url.get_secret_value())
    try:
        async with unit_of_work_of(database.sessions)() as session:
            await WorkspaceRepository(session).lock_first_start()
            await _check_keys(session, keyring)
            yield session, keyring
    finally:
        await database.close()


async def _ensure(session: AsyncSession, keyring: Keyring) -> Bootstrap:
    workspaces = WorkspaceRepository(session)
    workspace = await workspaces.first()
    if workspace is None:
        workspace = Workspace(id=WORKSPACE, slug="default", name="Default")
        workspaces.add(workspace)
        await session.flush()
    space = await SpaceRepository(session).first(workspace.id)
    if space is None:
        space = await spaces.create_space(
            session, workspace_id=workspace.id, name="Default", slug="default", actor=ACTOR
        )
    text: str | None = None
    if await TokenRepository(session).count_all() == 0:
        _, text = await tokens.create_token(
            session, keyring=keyring, workspace_id=workspace.id, name="first start", now=clock.now()
        )
    return Bootstrap(workspace.id, space.id, text)


async def _check_keys(session: AsyncSession, keyring: Keyring) -> None:
    """Refuse to start with a wrong key, instead of failing at the first delivery (R38)."""
    checks = EncryptionCheckRepository(session)
    known = {check.key_id: check.ciphertext for check in await checks.all()}
    _check_pepper(checks, keyring, known.pop(_PEPPER, None))
    for key_id, sealed in known.items():
        if key_id in keyring.key_ids and not _opens(keyring, key_id, sealed):
            raise KeyringError(
                f"the encryption key {key_id!r} is not the one of this database. If the process that started with it first had a wrong "
                "one, and nothing was stored since then, delete its row of the table encryption_check"
            )
    if known and not set(known) & set(keyring.key_ids):
        raise KeyringError(
            f"none of the keys of this database ({', '.join(sorted(known))}) is in ACTIVATIONS_ENCRYPTION_KEYS"
        )
    if keyring.current not in known:
        sealed = keyring.encrypt(_KNOWN, _binding(keyring.current))
        checks.add(EncryptionCheck(key_id=keyring.current, ciphertext=sealed))


def _opens(keyring: Keyring, key_id: str, sealed: bytes) -> bool:
    try:
        return keyring.decrypt(sealed, _binding(key_id)) == _KNOWN
    except KeyringError:
        return False


def _check_pepper(
    checks: EncryptionCheckRepository, keyring: Keyring, signed: bytes | None
) -> None:
    """Refuse another pepper: with it no token is valid, and the persons who were erased are not refused any more."""
    mine = keyring.sign("installation", _KNOWN)
    if signed is None:
        checks.add(EncryptionCheck(key_id=_PEPPER, ciphertext=mine))
    elif signed != mine:
        raise KeyringError(
            "ACTIVATIONS_TOKEN_PEPPER is not the one of this database: no token would be valid, and erased persons would not be "
            f"refused. If the process that started first had a wrong one, delete the row {_PEPPER} of the table encryption_check and "
            "start with the right one; tokens stay valid. If it is lost, do the same, and create new tokens"
        )


def _binding(key_id: str) -> Binding:
    return Binding("-", "encryption_check", key_id, "ciphertext")
