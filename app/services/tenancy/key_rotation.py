"""Rotation of encryption keys: stored settings are encrypted again with the first key while the service is running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.crypto import Binding, Keyring, KeyringError
from app.core.logging import get_logger
from app.services.platform import Platform
from app.storage.repositories.encrypted import TABLES, EncryptedRepository

log = get_logger(__name__)

PAGE = 100  # rows in one transaction, which locks them


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result: settings that were encrypted again, the number of settings by key, and ids of unreadable rows."""

    written: int
    left: Mapping[str, int]
    unreadable: Sequence[str]


async def rotate_keys(platform: Platform) -> Rotation:
    """Encrypt all stored settings with the first key. Safe to interrupt and to repeat."""
    keyring = platform.keyring
    left = Counter(dict.fromkeys(keyring.key_ids, 0))
    unreadable: list[str] = []
    written = 0
    for table in TABLES:
        written += await _rotate(platform, table, left, unreadable)
    log.info("keys_rotated", written=written, unreadable=len(unreadable))
    return Rotation(written, dict(left), unreadable)


async def _rotate(platform: Platform, table: str, left: Counter[str], unreadable: list[str]) -> int:
    keyring = platform.keyring
    written = 0
    after = ("", "")
    while True:
        async with platform.unit_of_work() as session:
            repository = EncryptedRepository(session)
            page = await repository.page(table, after, PAGE)
            for sealed in page:
                key = Keyring.key_of(sealed.content)
                binding = Binding(sealed.workspace_id, table, sealed.id, TABLES[table])
                try:
                    plain = keyring.decrypt(sealed.content, binding)
                except KeyringError:
                    unreadable.append(sealed.id)
                    left[key] += 1
                    continue
                if key != keyring.current:
                    await repository.write(sealed, keyring.encrypt(plain, binding))
                    written += 1
                left[keyring.current] += 1
        if len(page) < PAGE:
            return written
        after = (page[-1].owner, page[-1].id)
