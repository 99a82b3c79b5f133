"""How much work is due, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select

from app.storage.models import AudiencePreview, Notice, Run, Sync
from app.storage.repositories import notices, previews
from app.storage.repositories.base import Reader
from app.storage.repositories.due import is_to_be_planned, is_to_be_settled, sendable
from app.storage.repositories.runs import RUN_IS_DUE

MOST_COUNTED = 1000  # of each kind


class DueSizeQueries(Reader):
    """Counts across all tables that hold work."""

    async def sizes(self) -> Mapping[str, int]:
        """Count what is due: ``{"runs": 0, "plans": 2, "deliveries": 1, …}``, each up to ``MOST_COUNTED``.

        ``deliveries`` are syncs with a batch that can be claimed.
        """
        row = (await self.session.execute(_statement())).one()
        return {kind: int(count) for kind, count in row._asdict().items()}


@cache
def _statement() -> Select[Any]:
    kinds: Mapping[str, Select[Any]] = {
        "runs": select(Run.id).where(*RUN_IS_DUE),
        "plans": select(Sync.id).where(*is_to_be_planned()),
        "deliveries": sendable(),
        "settlements": select(Sync.id).where(*is_to_be_settled()),
        "previews": select(AudiencePreview.id).where(*previews.IS_DUE),
        "notices": select(Notice.id).where(*notices.IS_DUE),
    }
    return select(
        *(
            select(func.count())
            .select_from(query.limit(MOST_COUNTED).subquery())
            .scalar_subquery()
            .label(kind)
            for kind, query in kinds.items()
        )
    )
