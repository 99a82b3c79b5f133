"""Columns that are encrypted, read through for a change of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Dataset, Destination, Space

_MODELS: Final[dict[str, Any]] = {"destination": Destination, "dataset": Dataset}
TABLES: Final = tuple(_MODELS)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One ciphertext and where it stands."""

    table: str
    workspace_id: str
    space_id: str
    id: str
    settings: bytes


class EncryptedRepository:
    """Settings of accounts and of datasets in databases, table by table in the order of their keys."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def page(self, table: str, after: tuple[str, str], limit: int) -> list[Sealed]:
        """The next ones of a table, locked, so that nobody changes them meanwhile."""
        model = _MODELS[table]
        query = (
            select(Space.workspace_id, model.space_id, model.id, model.settings)
            .join(Space, Space.id == model.space_id)
            .where(tuple_(model.space_id, model.id) > after, model.settings.is_not(None))
            .order_by(model.space_id, model.id)
            .limit(limit)
            .with_for_update(of=model)
        )
        return [Sealed(table, *row) for row in (await self.session.execute(query)).all()]

    async def write(self, sealed: Sealed, settings: bytes) -> None:
        """Put another ciphertext of the same settings; nothing else of the row changes."""
        model = _MODELS[sealed.table]
        await self.session.execute(
            update(model)
            .where(model.space_id == sealed.space_id, model.id == sealed.id)
            .values(settings=settings, updated_at=model.updated_at)
            .execution_options(synchronize_session=False)
        )
