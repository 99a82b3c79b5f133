"""Responses stored under an Idempotency-Key, in the transaction of their request (R37).

Work that calls a partner cannot be done in one transaction. It begins with a row without a response: until the result of
the first request is known, a repeat is refused.

A key is stored for a day. Only responses of successful requests are stored: a failed request changed nothing and may be
repeated under the same key. The response is encrypted, because it may contain a generated secret.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Binding, Keyring
from app.core.errors import Conflict, Invalid
from app.storage.models import IdempotencyKey
from app.storage.repositories.idempotency import IdempotencyRepository

LIFETIME = timedelta(hours=24)
_MAX_KEY = 255


def _binding(workspace_id: str, key: str) -> Binding:
    return Binding(workspace_id, "idempotency_key", key, "response")


async def claim_key(
    session: AsyncSession,
    *,
    keyring: Keyring,
    workspace_id: str,
    key: str,
    request: str,
    body: bytes,
    now: datetime,
) -> tuple[int, bytes] | None:
    """Return status and body of the stored response, or None if this is the first request under the key.

    Raises:
        Invalid: the key has a wrong form or was used for another request.
        Conflict: the first request under the key is still running, or was interrupted.
    """
    _check(key)
    repository = IdempotencyRepository(session)
    if not await repository.take(workspace_id, key):
        raise Conflict("a request with this Idempotency-Key is still running")
    kept = await repository.get(workspace_id, key)
    if kept is None:
        return None
    if kept.created_at < now - LIFETIME:
        await repository.delete(kept)
        return None
    if kept.request != request or kept.body_hash != hashlib.sha256(body).digest():
        raise Invalid("this Idempotency-Key was used for another request", field="Idempotency-Key")
    if kept.response is None or kept.status is None:
        raise Conflict(
            "a request with this Idempotency-Key is still running, or was cut off and may have taken effect: "
            "see what became of it, then use another key"
        )
    return kept.status, keyring.decrypt(kept.response, _binding(workspace_id, key))


def _check(key: str) -> None:
    if not 1 <= len(key) <= _MAX_KEY or not key.isprintable():
        raise Invalid("Idempotency-Key: 1 to 255 printable characters", field="Idempotency-Key")


def keep_response(
    session: AsyncSession,
    *,
    keyring: Keyring,
    workspace_id: str,
    key: str,
    request: str,
    body: bytes,
    status: int | None,
    response: bytes | None,
    now: datetime,
) -> None:
    """Store the response of a first request in its transaction; without ``response``, store that the request has begun."""
    IdempotencyRepository(session).add(
        IdempotencyKey(
            workspace_id=workspace_id,
            key=key,
            request=request,
            body_hash=hashlib.sha256(body).digest(),
            status=status,
            response=keyring.encrypt(response, _binding(workspace_id, key))
            if response is not None
            else None,
            created_at=now,
        )
    )


async def settle_key(
    session: AsyncSession,
    *,
    keyring: Keyring,
    workspace_id: str,
    key: str,
    status: int,
    response: bytes,
) -> None:
    """Store the response of a request that had begun."""
    kept = await IdempotencyRepository(session).get(workspace_id, key)
    if kept is not None:
        kept.status = status
        kept.response = keyring.encrypt(response, _binding(workspace_id, key))


async def release_key(session: AsyncSession, *, workspace_id: str, key: str) -> None:
    """Release the key of a request that had begun and then failed without changing anything."""
    repository = IdempotencyRepository(session)
    kept = await repository.get(workspace_id, key)
    if kept is not None:
        await repository.delete(kept)


async def forget_old_keys(session: AsyncSession, *, now: datetime) -> int:
    """Remove keys that are older than a day. Returns their number."""
    return await IdempotencyRepository(session).forget_before(now - LIFETIME)
