"""The first rows of a dataset's content, and its columns as keys of rows, for people who look at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.domain.row_keys import KeyCounts
from app.services.platform import Platform, fetch_file
from app.snapshots.engine import StoredFile
from app.snapshots.reading import count_keys, rows_at_start
from app.storage.repositories.datasets import DatasetRepository
from app.storage.repositories.spaces import SpaceRepository

SHOWN = 20
_MOST_BYTES = 1024**2
_MOST_VALUES = 5_000_000  # that are counted


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


async def read_key_counts(
    platform: Platform,
    *,
    space_id: str,
    dataset_id: str,
    columns: Sequence[str] | None = None,
    addresses: Collection[str] = (),
) -> Mapping[str, KeyCounts]:
    """Return of the columns of an upload how many rows have no value, and how many values are in several rows. Raises NotFound.

    ``columns`` are those that are counted, the most important first; by default all. The rest is left out from 5 million
    values on; a database has none. ``addresses`` are columns of e-mail addresses, which are equal in any case. No
    transaction is open while the file is read.
    """
    async with platform.unit_of_work() as session:
        dataset = await DatasetRepository(session).require(space_id, dataset_id)
        words = await SpaceRepository(session).absent_words(space_id)
    if dataset.file is None:
        return {}
    file = StoredFile(**dataset.file)
    known = [name for name, _ in dataset.columns.get("columns") or ()]
    wanted = known if columns is None else [name for name in columns if name in known]
    counted = wanted[: _MOST_VALUES // max(file.rows, 1)]
    if not counted:
        return {}
    path = await fetch_file(platform.objects, file)
    asked = {name: name in addresses for name in counted}
    found: dict[str, KeyCounts] = await platform.engine.run(
        count_keys, path, asked, words, lane="small"
    )
    return found
