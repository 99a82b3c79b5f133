"""Known texts under each encryption key, which show whether the configured keys are those of the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from app.storage.models import EncryptionCheck
from app.storage.repositories.base import Repository


class EncryptionCheckRepository(Repository[EncryptionCheck]):
    """Table ``encryption_check``."""

    model = EncryptionCheck
    noun = "encryption check"
    key = (EncryptionCheck.key_id,)
    parent = ()

    async def all(self) -> Sequence[EncryptionCheck]:
        """Read the checks of all keys."""
        return await self._all(select(EncryptionCheck))
