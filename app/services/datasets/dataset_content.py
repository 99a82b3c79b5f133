"""The content of datasets: uploads and files of sources, stored as Parquet files, and columns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.domain.refused_keys import RefusedKeys
from app.services.datasets.breaking_changes import refuse_breaking
from app.services.datasets.former_contents import keep_content
from app.services.datasets.kinds import is_database
from app.services.datasets.recorded_fields import content_fields
from app.services.platform import (
    Platform,
    fresh_key,
    receive_upload,
    store_file,
    usual_delimiter,
)
from app.services.tenancy import read_refused, record_change
from app.snapshots.engine import DatasetStats, StoredFile, Upload
from app.snapshots.reading import write_dataset
from app.storage.models import Dataset
from app.storage.repositories.datasets import DatasetRepository


def columns_to_json(kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return ``{"columns": [[name, type], …]}``: a list, because the database does not keep the order of keys."""
    return {"columns": [[name, kind] for name, kind in kinds.items()]}


async def put_dataset_content(
    platform: Platform,
    stream: AsyncIterator[bytes],
    *,
    space_id: str,
    dataset_id: str,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
    delimiter: str | None = None,
    allow_breaking: bool = False,
    actor: str,
    now: datetime,
) -> Dataset:
    """Replace a dataset's content by an upload.

    No transaction is open while the upload is received and converted. Of two uploads at a time, the one that is
    committed last counts. The delimiter of the content before is tried first. Raises Invalid, and changes nothing, if the upload cannot be read, and Conflict if the dataset
    is read from a database, or, unless ``allow_breaking``, if definitions read what the upload empties or reshapes.
    """
    async with platform.unit_of_work() as session:
        dataset = await DatasetRepository(session).require(space_id, dataset_id)
        if dataset.settings is not None:
            place = "database" if is_database(dataset) else "file"
            raise Conflict(f"The dataset is read from its {place}; there is no content to upload.")
        usual = usual_delimiter(dataset.reading)
        refused = await read_refused(session, platform.keyring, space_id)
    receiving = receive_upload(
        platform.engine,
        platform.settings,
        stream,
        content_type=content_type,
        content_encoding=content_encoding,
        announced=announced,
        delimiter=delimiter,
    )
    async with receiving as upload:
        file, stats = await store_content(platform, upload, space_id, dataset_id, usual, refused)
    async with platform.unit_of_work() as session:
        dataset = await DatasetRepository(session).require(space_id, dataset_id, lock="update")
        if not allow_breaking:
            await refuse_breaking(session, dataset, stats, file.rows)
        await replace_content(session, dataset, file, stats, actor=actor, now=now)
    return dataset


async def replace_content(
    session: AsyncSession,
    dataset: Dataset,
    file: StoredFile,
    stats: DatasetStats,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Make a stored file the content of a locked dataset; the content before is kept."""
    before = content_fields(dataset)
    await keep_content(session, dataset, now)
    dataset.file = file.to_json()
    dataset.columns = columns_to_json(stats.columns)
    dataset.reading = asdict(stats.reading)
    dataset.row_count, dataset.byte_count = file.rows, file.bytes
    dataset.uploaded_by, dataset.uploaded_at = actor, now
    dataset.updated_by, dataset.updated_at = actor, now
    await session.flush()
    event, after = "Dataset Content Replaced", content_fields(dataset)
    await record_change(session, "dataset", dataset, event, actor, before=before, after=after)


async def store_content(
    platform: Platform,
    upload: Upload,
    space_id: str,
    dataset_id: str,
    usual: str | None,
    refused: RefusedKeys | None,
) -> tuple[StoredFile, DatasetStats]:
    """Convert an upload to a stored Parquet file. Returns the file and its contents.

    ``usual`` is the delimiter of the content before. Raises Invalid if the upload cannot be read.
    """
    folder = f"spaces/{space_id}/datasets/{dataset_id}"
    out = platform.engine.scratch_file(".parquet")
    try:
        upload = replace(upload, usual_delimiter=usual, refused=refused)
        owner = await platform.owner_of(space_id)
        stats = await platform.engine.run_on_upload(owner, write_dataset, upload, out)
        file = await store_file(platform.objects, out, fresh_key(folder, "content"), stats.rows)
    finally:
        out.unlink(missing_ok=True)
    return file, stats
