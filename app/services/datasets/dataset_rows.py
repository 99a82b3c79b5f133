"""The first rows of a dataset's content, for people who look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.services.platform import Platform, fetch_file
from app.snapshots.engine import StoredFile
from app.snapshots.reading import rows_at_start
from app.storage.repositories.datasets import DatasetRepository

SHOWN = 20
_MOST_BYTES = 1024**2


async def read_first_rows(
    platform: Platform, *, space_id: str, dataset_id: str
) -> Sequence[Mapping[str, Any]]:
    """Return the first 20 rows of an upload, each ``{column: value}`` without nulls; none of a database. Raises NotFound.

    No transaction is open while the file is read. Very long rows are left out from 1 MiB on.
    """
    async with platform.unit_of_work() as session:
        dataset = await DatasetRepository(session).require(space_id, dataset_id)
    if dataset.file is None:
        return ()
    path = await fetch_file(platform.objects, StoredFile(**dataset.file))
    found: list[dict[str, Any]] = await platform.engine.run(
        rows_at_start, path, SHOWN, _MOST_BYTES, lane="small"
    )
    return found
