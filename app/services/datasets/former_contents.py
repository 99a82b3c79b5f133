"""Former contents of datasets: the last five that uploads replaced are kept for 30 days, and can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.services.datasets.recorded_fields import content_fields
from app.services.tenancy import record_change
from app.storage.models import Dataset, DatasetContent
from app.storage.repositories.dataset_contents import DatasetContentRepository
from app.storage.repositories.datasets import DatasetRepository

KEPT = 5  # contents of one dataset
KEPT_FOR = timedelta(days=30)


async def keep_content(session: AsyncSession, dataset: Dataset, now: datetime) -> None:
    """Keep the content that is about to be replaced, if there is one; the oldest beyond the last five is forgotten."""
    if dataset.file is None:
        return
    former = DatasetContent(
        space_id=dataset.space_id,
        dataset_id=dataset.id,
        id=new_id("dsc"),
        file=dataset.file,
        columns=dataset.columns,
        reading=dataset.reading,
        row_count=dataset.row_count,
        byte_count=dataset.byte_count,
        uploaded_by=dataset.uploaded_by or dataset.updated_by,
        uploaded_at=dataset.uploaded_at or dataset.updated_at,
        replaced_at=now,
    )
    await DatasetContentRepository(session).keep(former, KEPT)


async def list_contents(
    session: AsyncSession, space_id: str, dataset_id: str
) -> Sequence[DatasetContent]:
    """Return the former contents of a dataset that are kept, newest first. Raises NotFound if there is no such dataset."""
    await DatasetRepository(session).require(space_id, dataset_id)
    return await DatasetContentRepository(session).newest_first(space_id, dataset_id)


async def newest_contents(
    session: AsyncSession, space_id: str, dataset_ids: Sequence[str]
) -> dict[str, DatasetContent]:
    """Return the content that was replaced last, by id of the dataset, for those of which one is kept."""
    found = await DatasetContentRepository(session).of_datasets(space_id, dataset_ids)
    return {content.dataset_id: content for content in found}


async def restore_content(
    session: AsyncSession,
    space_id: str,
    dataset_id: str,
    content_id: str,
    *,
    actor: str,
    now: datetime,
) -> Dataset:
    """Make a former content the current one again; the one that it replaces is kept. Raises NotFound."""
    dataset = await DatasetRepository(session).require(space_id, dataset_id, lock="update")
    contents = DatasetContentRepository(session)
    former = await contents.require(space_id, dataset_id, content_id)
    await contents.remove(former)
    before = content_fields(dataset)
    await keep_content(session, dataset, now)
    dataset.file, dataset.columns, dataset.reading = former.file, former.columns, former.reading
    dataset.row_count, dataset.byte_count = former.row_count, former.byte_count
    dataset.uploaded_by, dataset.uploaded_at = former.uploaded_by, former.uploaded_at
    dataset.updated_by, dataset.updated_at = actor, now
    await session.flush()
    event, after = "Dataset Content Restored", content_fields(dataset)
    await record_change(session, "dataset", dataset, event, actor, before=before, after=after)
    return dataset


async def forget_old_contents(session: AsyncSession, *, now: datetime) -> int:
    """Forget contents that were replaced more than 30 days ago. Returns their number."""
    return await DatasetContentRepository(session).forget_before(now - KEPT_FOR)
