"""Erasures of persons, and refused keys. The space is the first argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.erasure_states import ErasureState
from app.storage.models import Erasure, RefusedKey
from app.storage.repositories.base import DATABASE_NOW, Reader, Repository

IS_DUE = (
    Erasure.state != ErasureState.COMPLETE,
    or_(Erasure.next_at.is_(None), Erasure.next_at <= DATABASE_NOW),
    or_(Erasure.lease_until.is_(None), Erasure.lease_until < DATABASE_NOW),
)


class ErasureRepository(Repository[Erasure]):
    """Table ``erasure``."""

    model = Erasure
    noun = "erasure"
    key = (Erasure.space_id, Erasure.id)
    parent = (Erasure.space_id,)

    async def open_with(self, space_id: str, digest: bytes) -> Erasure | None:
        """Return the open erasure of a name, or None."""
        query = select(Erasure).where(
            Erasure.space_id == space_id,
            Erasure.digest == digest,
            Erasure.state != ErasureState.COMPLETE,
        )
        return await self._first(query, "update")

    async def begin(self, **values: Any) -> bool:
        """Insert an erasure, unless one of the same name is open. Waits for a transaction that inserts one. Returns whether it did."""
        written = await self.session.scalar(
            insert(Erasure).values(**values).on_conflict_do_nothing().returning(Erasure.id)
        )
        return written is not None

    async def claim(
        self, space_id: str, erasure_id: str, owner: str, lease: timedelta
    ) -> Erasure | None:
        """Claim a due erasure. Returns None if it is not due, or if another worker has it."""
        claimed = await self.session.scalars(
            update(Erasure)
            .where(Erasure.space_id == space_id, Erasure.id == erasure_id, *IS_DUE)
            .values(
                attempts=Erasure.attempts + 1,
                lease_owner=owner,
                lease_token=Erasure.lease_token + 1,
                lease_until=DATABASE_NOW + lease,
            )
            .returning(Erasure)
            .execution_options(populate_existing=True)
        )
        return claimed.first()

    async def renew(self, erasure: Erasure, lease: timedelta) -> bool:
        """Renew the lease. Returns False if another worker has it."""
        return await self.fenced(erasure, lease_until=DATABASE_NOW + lease)

    async def release(self, erasure: Erasure, wait: timedelta, **values: Any) -> bool:
        """End the lease, and write values; the next pass is due after ``wait``. Returns False if the lease was lost."""
        return await self.fenced(
            erasure, lease_owner=None, lease_until=None, next_at=DATABASE_NOW + wait, **values
        )

    async def finish(self, erasure: Erasure, **values: Any) -> bool:
        """Complete an erasure, and forget the names. Returns False if the lease was lost."""
        return await self.fenced(
            erasure,
            state=ErasureState.COMPLETE,
            person=None,
            lease_owner=None,
            lease_until=None,
            finished_at=DATABASE_NOW,
            **values,
        )

    async def fenced(self, erasure: Erasure, **values: Any) -> bool:
        """Write values under the lease token that a worker claimed with. Returns False if the lease was lost."""
        statement = (
            update(Erasure)
            .where(
                Erasure.space_id == erasure.space_id,
                Erasure.id == erasure.id,
                Erasure.lease_token == erasure.lease_token,
                Erasure.state != ErasureState.COMPLETE,
            )
            .values(updated_at=DATABASE_NOW, **values)
        )
        return await self._write(statement) == 1


class RefusedKeyRepository(Reader):
    """Table ``refused_key``."""

    async def of_space(self, space_id: str) -> frozenset[bytes]:
        """Return the digests of the keys that a space refuses."""
        query = select(RefusedKey.digest).where(RefusedKey.space_id == space_id)
        return frozenset(await self._scalars(query, None, None, False))

    async def add(self, space_id: str, digests: Iterable[bytes], erasure_id: str) -> None:
        """Refuse keys. A key that is refused already stays as it is."""
        rows = [
            {"space_id": space_id, "digest": digest, "erasure_id": erasure_id}
            for digest in sorted(set(digests))
        ]
        if rows:
            await self.session.execute(insert(RefusedKey).values(rows).on_conflict_do_nothing())

    async def remove(self, space_id: str, digests: Collection[bytes]) -> int:
        """Accept keys again. Returns how many of them were refused."""
        gone = await self.session.scalars(
            delete(RefusedKey)
            .where(RefusedKey.space_id == space_id, RefusedKey.digest.in_(digests))
            .returning(RefusedKey.digest)
        )
        return len(gone.all())
