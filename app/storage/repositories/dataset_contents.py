"""Former contents of datasets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from app.storage.models import DatasetContent
from app.storage.repositories.base import Repository


class DatasetContentRepository(Repository[DatasetContent]):
    """Table ``dataset_content``."""

    model = DatasetContent
    noun = "former content"
    key = (DatasetContent.space_id, DatasetContent.dataset_id, DatasetContent.id)
    parent = (DatasetContent.space_id, DatasetContent.dataset_id)

    async def newest_first(self, space_id: str, dataset_id: str) -> Sequence[DatasetContent]:
        """Read the former contents of a dataset that are kept, the one that was replaced last first."""
        query = self._where(select(DatasetContent), self.parent, (space_id, dataset_id))
        return await self._all(
            query.order_by(DatasetContent.replaced_at.desc(), DatasetContent.id.desc())
        )

    async def of_datasets(
        self, space_id: str, dataset_ids: Sequence[str]
    ) -> Sequence[DatasetContent]:
        """Read the former contents of datasets that are kept, the one that was replaced last at the end."""
        query = select(DatasetContent).where(
            DatasetContent.space_id == space_id, DatasetContent.dataset_id.in_(dataset_ids)
        )
        return await self._all(query.order_by(DatasetContent.replaced_at, DatasetContent.id))

    async def keep(self, content: DatasetContent, most: int) -> None:
        """Add a former content, and delete the oldest ones beyond the newest ``most``."""
        self.session.add(content)
        await self.session.flush()
        kept = await self.newest_first(content.space_id, content.dataset_id)
        for old in kept[most:]:
            await self.session.delete(old)

    async def remove(self, content: DatasetContent) -> None:
        """Delete the row of a content that is current again."""
        await self.session.delete(content)
        await self.session.flush()

    async def forget_before(self, moment: datetime) -> int:
        """Delete the contents of all spaces that were replaced before ``moment``. Returns their number."""
        gone = await self.session.scalars(
            delete(DatasetContent)
            .where(DatasetContent.replaced_at < moment)
            .returning(DatasetContent.id)
        )
        return len(gone.all())
