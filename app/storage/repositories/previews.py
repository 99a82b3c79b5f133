"""Previews: the first rows of a definition that is not saved. The space is the first argument."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, update

from app.domain.preview_states import PreviewState
from app.storage.models import AudiencePreview
from app.storage.repositories.base import DATABASE_NOW, Repository

IS_DUE = (
    AudiencePreview.status == PreviewState.RUNNING,
    or_(AudiencePreview.lease_until.is_(None), AudiencePreview.lease_until < DATABASE_NOW),
)


class PreviewRepository(Repository[AudiencePreview]):
    """Table ``audience_preview``."""

    model = AudiencePreview
    noun = "audience preview"
    key = (AudiencePreview.space_id, AudiencePreview.id)
    parent = (AudiencePreview.space_id,)

    async def claim(
        self, space_id: str, preview_id: str, lease: timedelta
    ) -> AudiencePreview | None:
        """Claim a preview that is waiting or whose lease has expired. Returns None if it cannot be claimed."""
        claimed = await self.session.scalars(
            update(AudiencePreview)
            .where(
                AudiencePreview.space_id == space_id,
                AudiencePreview.id == preview_id,
                *IS_DUE,
            )
            .values(attempts=AudiencePreview.attempts + 1, lease_until=DATABASE_NOW + lease)
            .returning(AudiencePreview)
        )
        return claimed.first()

    async def finish(self, space_id: str, preview_id: str, attempt: int, **outcome: object) -> bool:
        """End a preview. Returns False, and writes nothing, if a later attempt has claimed it."""
        written = await self.session.scalar(
            update(AudiencePreview)
            .where(
                AudiencePreview.space_id == space_id,
                AudiencePreview.id == preview_id,
                AudiencePreview.status == PreviewState.RUNNING,
                AudiencePreview.attempts == attempt,
            )
            .values(lease_until=None, **outcome)
            .returning(AudiencePreview.id)
        )
        return written is not None

    async def forget_before(self, moment: datetime) -> int:
        """Delete previews of all spaces created before ``moment``. Returns their number."""
        forgotten = await self.session.scalars(
            delete(AudiencePreview)
            .where(AudiencePreview.created_at < moment)
            .returning(AudiencePreview.id)
        )
        return len(forgotten.all())
