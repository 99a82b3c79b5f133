"""Sessions of the console that were ended by a sign-out before their time."""

from __future__ import annotations

from datetime import datetime

import asyncpg
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from app.storage.models import ConsoleSignOut
from app.storage.repositories.base import Repository

_IS_SIGNED_OUT = "SELECT EXISTS (SELECT FROM console_sign_out WHERE nonce = $1)"


async def is_signed_out(pool: asyncpg.Pool[asyncpg.Record], nonce: str) -> bool:
    """Return whether the session with this nonce was ended by a sign-out."""
    return bool(await pool.fetchval(_IS_SIGNED_OUT, nonce))


class ConsoleSignOutRepository(Repository[ConsoleSignOut]):
    """Table ``console_sign_out``."""

    model = ConsoleSignOut
    noun = "sign-out"
    key = (ConsoleSignOut.nonce,)
    parent = ()

    async def end(self, nonce: str, ends_at: datetime) -> None:
        """End the session with this nonce, which would last until ``ends_at``. Ending it again changes nothing."""
        ended = insert(ConsoleSignOut).values(nonce=nonce, ends_at=ends_at)
        await self.session.execute(ended.on_conflict_do_nothing())

    async def forget_before(self, moment: datetime) -> int:
        """Delete sign-outs of sessions that would have ended before ``moment``. Returns their number."""
        return await self._write(delete(ConsoleSignOut).where(ConsoleSignOut.ends_at < moment))
