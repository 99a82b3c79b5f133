"""Reads of datasets' files: the version that is there now becomes the content, with the checks of an upload."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConfigurationRejected, TransientFailure
from app.core import clock
from app.core.clock import to_wire
from app.core.errors import (
    AppError,
    BadRequest,
    Conflict,
    Invalid,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from app.domain.file_states import FileState
from app.services.datasets.breaking_changes import refuse_breaking
from app.services.datasets.dataset_content import replace_content, store_content
from app.services.datasets.file_sources import (
    file_of,
    role_use,
    seal_file,
    version_read,
    version_to_json,
)
from app.services.platform import (
    CONTENT_TYPES,
    Platform,
    receive_upload,
    retry_transaction,
    usual_delimiter,
)
from app.services.tenancy import read_refused
from app.snapshots.engine import DatasetStats, StoredFile, Upload
from app.sources import FileLate, FileMissing, FileVersion, ObjectSource, OpenedFile, open_file
from app.storage.models import Dataset
from app.storage.repositories.datasets import DatasetRepository

ACTOR = "file-source"  # who replaces the content, for the audit trail
_STAYS = "The content before stays."


@dataclass(frozen=True, slots=True)
class _Read:
    """A read of one dataset. ``entry`` is the source in the run that shows what was read."""

    platform: Platform
    workspace_id: str
    dataset: Dataset
    source: ObjectSource
    entry: dict[str, Any]
    seconds: float


async def read_file(
    platform: Platform,
    *,
    workspace_id: str,
    dataset: Dataset,
    entry: dict[str, Any],
    at_most: timedelta,
) -> Dataset:
    """Read the file of a dataset into its content, unless it is the version that was read last. Returns the dataset as it is then.

    No transaction is open while the file is read. ``at_most`` limits the time for that. ``entry``, the source in a run, gets
    the state, version and time of the file, and the rows and bytes of the content. If it raises, the content stays.

    Raises:
        TransientFailure: Another try may help: FileMissing, FileLate, or the place of the file is away or too slow.
        ConfigurationRejected: It cannot be read, would break audiences, took too long, or its settings are wrong.
        InsufficientStorage: The disk is full.
    """
    source = file_of(platform.keyring, workspace_id, dataset)
    read = _Read(platform, workspace_id, dataset, source, entry, at_most.total_seconds())
    try:
        found = await _content(read)
    except FileMissing:
        entry["state"] = FileState.MISSING
        raise
    except FileLate as error:
        entry["state"] = FileState.LATE
        if error.version is not None:
            entry.update(_shown(error.version, clock.now()))
        raise
    except BadRequest:
        path = entry.get("path", source.shown_url)
        raise TransientFailure(f"{path} came in slower than 10 KiB/s", code="file_slow") from None
    except Conflict as error:
        entry["state"] = FileState.BREAKING
        raise ConfigurationRejected(error.message, code="file_breaking") from None
    except (Invalid, PayloadTooLarge, UnsupportedMediaType) as error:
        entry["state"] = FileState.BROKEN
        raise ConfigurationRejected(_broken(read, error), code="file_broken") from None
    file = StoredFile(**(found.file or {}))
    entry.update(rows=file.rows, bytes=file.bytes, sha256=file.sha256)
    return found


def _broken(read: _Read, error: AppError) -> str:
    words = "; ".join(problem.message for problem in error.problems).rstrip(".")
    stays = f" {_STAYS}" if read.dataset.file is not None else ""
    return f"{read.entry.get('path', read.source.shown_url)} cannot be read: {words}.{stays}"


async def _content(read: _Read) -> Dataset:
    """Return the dataset, with new content if the file changed."""
    platform, dataset = read.platform, read.dataset
    now = clock.now()
    async with AsyncExitStack() as files:
        opened, upload = await _received(read, files, now)
        if upload is None:
            read.entry["state"] = FileState.UNCHANGED
            return dataset
        usual, space_id = usual_delimiter(dataset.reading), dataset.space_id
        async with platform.unit_of_work() as session:
            refused = await read_refused(session, platform.keyring, space_id)
        file, stats = await store_content(platform, upload, space_id, dataset.id, usual, refused)

    async def write(session: AsyncSession) -> Dataset:
        return await _write(session, read, opened.version, file, stats, now)

    found = await retry_transaction(platform.unit_of_work, write)
    read.entry["state"] = FileState.NEW
    return found


async def _received(
    read: _Read, files: AsyncExitStack, now: datetime
) -> tuple[OpenedFile, Upload | None]:
    """Open the file and receive it, to be deleted with ``files``. Returns no upload if it is unchanged.

    A version whose content is missing counts as not read.
    """
    platform, source, dataset = read.platform, read.source, read.dataset
    known = version_read(dataset) if dataset.file is not None else None
    role = role_use(platform, read.workspace_id)
    deadline = asyncio.timeout(read.seconds)
    try:
        async with (
            deadline,
            open_file(source, platform.http, role, known=known, now=now) as opened,
        ):
            read.entry.update(_shown(opened.version, now))
            if opened.response is None:
                return opened, None
            receiving = receive_upload(
                platform.engine,
                platform.settings,
                opened.pieces(),
                content_type=CONTENT_TYPES[source.file_format or "csv"],
                content_encoding=opened.encoding,
                announced=opened.version.bytes,
                delimiter=source.delimiter,
                charset=source.charset,
            )
            return opened, await files.enter_async_context(receiving)
    except TimeoutError:
        if not deadline.expired():
            raise
        path = read.entry.get("path", source.shown_url)
        raise ConfigurationRejected(
            f"{path} took longer than {read.seconds:.0f} seconds and was stopped (ACTIVATIONS_SOURCE_TIMEOUT).",
            code="file_timeout",
        ) from None


def _shown(version: FileVersion, now: datetime) -> dict[str, Any]:
    """Return a version as a run's source shows it: ``{"path": …, "etag": …, "fileBytes": …, …}``."""
    shown = version_to_json(version, now)
    modified = version.modified_at
    shown["modifiedAt"] = to_wire(modified) if modified else None
    shown["fileBytes"] = shown.pop("bytes")
    return shown


async def _write(
    session: AsyncSession,
    read: _Read,
    version: FileVersion,
    file: StoredFile,
    stats: DatasetStats,
    now: datetime,
) -> Dataset:
    """Make what was read the content, in one transaction. Returns the dataset.

    If another run has read this version or a newer one first, its content is used.
    """
    before, source = read.dataset, read.source
    dataset = await DatasetRepository(session).require(before.space_id, before.id, lock="update")
    if dataset.file_read != before.file_read and _is_as_new(version_read(dataset), version):
        return dataset
    if dataset.settings != before.settings:
        raise TransientFailure(
            "the settings of its file were changed during the read",
            ambiguous=False,
            code="file_settings_changed",
        )
    if not source.allow_breaking:
        way_out = (
            f"{_STAYS} Put a complete file there, or accept the next one once: PATCH …/datasets/{dataset.id} with "
            '{"file": {"allowBreaking": true}}.'
        )
        await refuse_breaking(
            session, dataset, stats, file.rows, what=version.path, way_out=way_out
        )
    else:
        once = source.model_copy(update={"allow_breaking": False})
        dataset.settings = seal_file(read.platform.keyring, read.workspace_id, dataset.id, once)
    dataset.file_read = version_to_json(version, now)
    await replace_content(session, dataset, file, stats, actor=ACTOR, now=now)
    return dataset


def _is_as_new(other: FileVersion | None, version: FileVersion) -> bool:
    if other is None or other.path != version.path:
        return False
    if other.is_same(version):
        return True
    moments = (other.modified_at, version.modified_at)
    return moments[0] is not None and moments[1] is not None and moments[0] > moments[1]
