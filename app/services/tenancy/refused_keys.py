"""Refused keys of a space: ids and identifiers of erased persons, which uploads and runs leave out. Only their HMACs are stored."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Keyring
from app.domain.refused_keys import RefusedKeys, refusal_digest
from app.storage.repositories.erasures import RefusedKeyRepository


def _space_key(keyring: Keyring, space_id: str) -> bytes:
    """Return the key of a space's HMACs, which is derived from the pepper of the installation."""
    return keyring.sign("refused-key", space_id.encode())


async def read_refused(
    session: AsyncSession, keyring: Keyring, space_id: str
) -> RefusedKeys | None:
    """Return the refused keys of a space, None if it refuses none."""
    digests = await RefusedKeyRepository(session).of_space(space_id)
    return RefusedKeys(_space_key(keyring, space_id), digests) if digests else None


async def refuse_keys(
    session: AsyncSession, keyring: Keyring, space_id: str, texts: Iterable[str], erasure_id: str
) -> None:
    """Refuse ids and identifiers from now on."""
    key = _space_key(keyring, space_id)
    digests = {refusal_digest(key, text) for text in texts}
    await RefusedKeyRepository(session).add(space_id, digests, erasure_id)


async def accept_key(session: AsyncSession, keyring: Keyring, space_id: str, text: str) -> bool:
    """Accept an id or identifier again. Returns False if it was not refused."""
    digest = refusal_digest(_space_key(keyring, space_id), text)
    return bool(await RefusedKeyRepository(session).remove(space_id, {digest}))
