"""Encrypted columns of all tables, for the rotation of encryption keys.

The named exception among repositories: it writes columns of tables that others own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, tuple_, update

from app.storage.models import Dataset, Destination, Erasure, Space
from app.storage.repositories.base import Reader

_MODELS: Final[dict[str, Any]] = {
    "destination": Destination,
    "dataset": Dataset,
    "erasure": Erasure,
}
#: The encrypted column of each table.
TABLES: Final = {"destination": "settings", "dataset": "settings", "erasure": "person"}


@dataclass(frozen=True, slots=True)
class Sealed:
    """One ciphertext and the row that holds it."""

    table: str
    workspace_id: str
    space_id: str
    id: str
    content: bytes


class EncryptedRepository(Reader):
    """Settings of destinations and datasets, and names of persons, in the order of their keys."""

    async def page(self, table: str, after: tuple[str, str], limit: int) -> list[Sealed]:
        """Lock and read the next rows of a table that have something encrypted."""
        model, column = _MODELS[table], getattr(_MODELS[table], TABLES[table])
        query = (
            select(Space.workspace_id, model.space_id, model.id, column)
            .join(Space, Space.id == model.space_id)
            .where(tuple_(model.space_id, model.id) > after, column.is_not(None))
            .order_by(model.space_id, model.id)
            .limit(limit)
            .with_for_update(of=model, key_share=True)
        )
        return [Sealed(table, *row) for row in (await self.session.execute(query)).all()]

    async def write(self, sealed: Sealed, content: bytes) -> None:
        """Replace the ciphertext of a row. Nothing else in the row changes."""
        model = _MODELS[sealed.table]
        await self.session.execute(
            update(model)
            .where(model.space_id == sealed.space_id, model.id == sealed.id)
            .values({TABLES[sealed.table]: content, "updated_at": model.updated_at})
            .execution_options(synchronize_session=False)
        )
