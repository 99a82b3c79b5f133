"""Encrypted columns of all tables, for the rotation of encryption keys.

The named exception among repositories: it writes columns of tables that others own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, tuple_, update

from app.storage.models import Dataset, Destination, Erasure, IdempotencyKey, Space
from app.storage.repositories.base import Reader

_MODELS: Final[dict[str, Any]] = {
    "destination": Destination,
    "dataset": Dataset,
    "erasure": Erasure,
    "idempotency_key": IdempotencyKey,
}
#: The encrypted column of each table.
TABLES: Final = {
    "destination": "settings",
    "dataset": "settings",
    "erasure": "person",
    "idempotency_key": "response",
}


@dataclass(frozen=True, slots=True)
class Sealed:
    """One ciphertext and the row that holds it. ``owner`` and ``id`` are its key: a space or a workspace, and what it has."""

    table: str
    workspace_id: str
    owner: str
    id: str
    content: bytes


class EncryptedRepository(Reader):
    """Settings of destinations and datasets, names of persons, and stored responses, in the order of their keys."""

    async def page(self, table: str, after: tuple[str, str], limit: int) -> list[Sealed]:
        """Lock and read the next rows of a table that have something encrypted."""
        model, column = _MODELS[table], getattr(_MODELS[table], TABLES[table])
        owner, row_id = _key(model)
        query = select(_workspace(model), owner, row_id, column)
        if owner is not _workspace(model):
            query = query.join(Space, Space.id == owner)
        query = (
            query.where(tuple_(owner, row_id) > after, column.is_not(None))
            .order_by(owner, row_id)
            .limit(limit)
            .with_for_update(of=model, key_share=True)
        )
        return [Sealed(table, *row) for row in (await self.session.execute(query)).all()]

    async def write(self, sealed: Sealed, content: bytes) -> None:
        """Replace the ciphertext of a row. Nothing else in the row changes."""
        model = _MODELS[sealed.table]
        owner, row_id = _key(model)
        kept = {"updated_at": model.updated_at} if hasattr(model, "updated_at") else {}
        await self.session.execute(
            update(model)
            .where(owner == sealed.owner, row_id == sealed.id)
            .values({TABLES[sealed.table]: content, **kept})
            .execution_options(synchronize_session=False)
        )


def _key(model: Any) -> tuple[Any, Any]:
    """Return the columns of the key of a table."""
    if model is IdempotencyKey:
        return IdempotencyKey.workspace_id, IdempotencyKey.key
    return model.space_id, model.id


def _workspace(model: Any) -> Any:
    return IdempotencyKey.workspace_id if model is IdempotencyKey else Space.workspace_id
