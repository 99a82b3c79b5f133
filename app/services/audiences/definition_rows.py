"""The rows of a definition, computed by the engine over the space's datasets or in the database of one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.connectors.errors import ConnectorError
from app.core.clock import to_wire
from app.services.audiences.definitions import run_in
from app.services.datasets import is_database, is_file, read_file, source_of
from app.services.platform import Platform, fetch_file
from app.services.tenancy import workspace_of
from app.snapshots.definitions import (
    DefinitionFailed,
    ResultLimits,
    analyse_order,
    check_definition,
    columns_used,
    run_definition,
    tables_of,
)
from app.snapshots.engine import StoredFile
from app.snapshots.reading import conversion_notes, has_conversions, sort_rows
from app.sources import PostgresSource, ReadLimits, read_rows
from app.storage.models import Dataset
from app.storage.repositories.datasets import DatasetRepository


@dataclass(frozen=True, slots=True)
class Reading:
    """The sources that a definition has read so far, in the form that its run stores. The last one may be unfinished.

    ``notes`` are sentences on what in the definition depends on the order of rows, and on values that its conversions leave out.
    """

    sources: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def begin(self, dataset: Dataset, **more: Any) -> dict[str, Any]:
        """Add an entry. Returns ``{"datasetId": …, "name": …, "kind": …, …}``; the reader updates its counts."""
        entry = {"datasetId": dataset.id, "name": dataset.name, "kind": dataset.kind, **more}
        self.sources.append(entry)
        return entry


@dataclass(slots=True)
class _Work:
    """What all reads of one definition have in common."""

    platform: Platform
    workspace_id: str
    space_id: str
    as_of: datetime
    seconds: float  # left for reading; waiting for a slot does not count
    reading: Reading
    room: AbstractAsyncContextManager[None]  # the slot, entered once for all reads

    async def read(
        self,
        dataset: Dataset,
        sql: str,
        out: Path,
        *,
        pushed_down: bool,
        columns: frozenset[str] | None = None,
    ) -> None:
        """Stream one statement's rows into a file, of these columns only."""
        settings = self.platform.settings
        entry = self.reading.begin(dataset, pushedDown=pushed_down, rows=0, bytes=0, readAt=None)
        began = asyncio.get_running_loop().time()
        stats = await read_rows(
            self.source(dataset),
            sql,
            self.as_of,
            out,
            policy=self.platform.outbound,
            limits=ReadLimits(
                settings.source_max_rows,
                settings.source_max_bytes,
                timedelta(seconds=max(self.seconds, 1.0)),
            ),
            columns=columns,
            progress=lambda rows, size: entry.update(rows=rows, bytes=size),
        )
        self.seconds -= asyncio.get_running_loop().time() - began
        entry.update(rows=stats.rows, bytes=stats.bytes, readAt=to_wire(stats.moment))

    async def read_file(self, dataset: Dataset) -> Path:
        """Read a dataset's file if it changed. Returns the local path of its content."""
        entry = self.reading.begin(dataset, rows=0, bytes=0, readAt=None)
        began = asyncio.get_running_loop().time()
        found = await read_file(
            self.platform,
            workspace_id=self.workspace_id,
            dataset=dataset,
            entry=entry,
            at_most=timedelta(seconds=max(self.seconds, 1.0)),
        )
        self.seconds -= asyncio.get_running_loop().time() - began
        return await fetch_file(self.platform.objects, StoredFile(**(found.file or {})))

    def source(self, dataset: Dataset) -> PostgresSource:
        """Return a dataset's source, decrypted."""
        return source_of(self.platform.keyring, self.workspace_id, dataset)


async def write_rows(
    platform: Platform,
    space_id: str,
    query: str,
    as_of: datetime,
    out: Path,
    *,
    reading: Reading,
    room: AbstractAsyncContextManager[None],
    at_most: timedelta | None = None,
) -> None:
    """Write the rows of a definition to ``out`` as Parquet, and keep ``reading`` up to date.

    ``room`` is entered only while databases and files are read. ``at_most`` limits the time for reading them, and again the
    time of the engine. Raises DefinitionFailed if the query is at fault, and a ConnectorError if a database or file is not
    available, or cannot be read.
    """
    async with platform.unit_of_work() as session:
        datasets = await DatasetRepository(session).readable(space_id)
    workspace_id = await workspace_of(platform.hot, space_id)
    assert workspace_id is not None  # noqa: S101  a foreign key says so
    settings = platform.settings
    seconds = min(at_most or settings.source_timeout, settings.source_timeout).total_seconds()
    work = _Work(platform, workspace_id, space_id, as_of, seconds, reading, room)
    if (target := run_in(query)) is not None:
        await _run_in_database(work, target, datasets, query, out)
    else:
        await _run_in_engine(work, datasets, query, out, at_most)


async def _run_in_engine(
    work: _Work, datasets: Sequence[Dataset], query: str, out: Path, at_most: timedelta | None
) -> None:
    settings = work.platform.settings
    with ExitStack() as files:
        tables = await _tables(work, datasets, query, files)
        order = await asyncio.to_thread(analyse_order, query, tables)
        work.reading.notes[:] = order.notes
        if has_conversions(query):
            left_out = await work.platform.engine.run(conversion_notes, query, tables)
            work.reading.notes.extend(left_out)
        if not order.independent:
            await _sort_rows(work, datasets, tables)
        async with work.platform.definitions.slot(work.workspace_id):
            await run_definition(
                query,
                tables,
                work.as_of,
                out,
                memory_bytes=settings.sql_memory_bytes,
                timeout=min(at_most or settings.sql_timeout, settings.sql_timeout),
                largest=ResultLimits(settings.source_max_rows, settings.source_max_bytes),
            )


async def _run_in_database(
    work: _Work, target: str, datasets: Sequence[Dataset], query: str, out: Path
) -> None:
    dataset = next((known for known in datasets if known.name.lower() == target.lower()), None)
    if dataset is None or not is_database(dataset):
        raise DefinitionFailed(f"There is no database {target} among the datasets of this space.")
    # The database decides how it runs the query, and its SQL may be another one: what can be read gets its notes.
    work.reading.notes[:] = (await asyncio.to_thread(analyse_order, query, {})).notes
    async with work.room:
        with _named(dataset):
            await work.read(dataset, query, out, pushed_down=True)


async def _tables(
    work: _Work, datasets: Sequence[Dataset], query: str, files: ExitStack
) -> dict[str, Path]:
    """Return the local file by name of each dataset that a definition reads; databases and changed files are read now."""
    names = [dataset.name for dataset in datasets]
    if problems := await asyncio.to_thread(check_definition, query, names):
        raise DefinitionFailed(problems[0].message)
    names_used = await asyncio.to_thread(tables_of, query)
    used = [dataset for dataset in datasets if dataset.name.lower() in names_used]
    reads = any(is_database(dataset) or is_file(dataset) for dataset in used)
    async with work.room if reads else nullcontext():
        columns = columns_used(query)
        return {dataset.name: await _table(work, dataset, files, columns) for dataset in used}


async def _sort_rows(work: _Work, datasets: Sequence[Dataset], tables: Mapping[str, Path]) -> None:
    """Sort the rows that were read from databases, where they have no order, by all columns."""
    for dataset in datasets:
        if is_database(dataset) and dataset.name in tables:
            await work.platform.engine.run(sort_rows, tables[dataset.name])


async def _table(
    work: _Work, dataset: Dataset, files: ExitStack, columns: frozenset[str] | None
) -> Path:
    if is_file(dataset):
        with _named(dataset):
            return await work.read_file(dataset)
    if not is_database(dataset):
        return await _uploaded(work, dataset)
    sql = work.source(dataset).sql
    if sql is None:
        raise DefinitionFailed(
            f"{dataset.name} is a connection without a table or query of its own; to run in it, begin the "
            f"definition with the line: -- run in: {dataset.name}"
        )
    path = work.platform.engine.scratch_file(".dataset.parquet")
    files.callback(path.unlink, missing_ok=True)
    with _named(dataset):
        await work.read(dataset, sql, path, pushed_down=False, columns=columns)
    return path


async def _uploaded(work: _Work, dataset: Dataset) -> Path:
    file = StoredFile(**(dataset.file or {}))
    work.reading.begin(dataset, rows=file.rows, bytes=file.bytes, sha256=file.sha256)
    return await fetch_file(work.platform.objects, file)


@contextmanager
def _named(dataset: Dataset) -> Iterator[None]:
    """Name the dataset in the message of a ConnectorError."""
    try:
        yield
    except ConnectorError as error:
        error.message = f"Dataset {dataset.name}: {error.message}"
        raise
