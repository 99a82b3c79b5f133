"""The result of one definition: read from its child, checked, and written as a file."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from app.core.disk_reserve import disk_full, has_room, is_full
from app.processes import Child, ChildEnded
from app.snapshots.definitions.result_shape import ShapeRefused, refuse_shape

_MESSAGE = 64 * 1024**2  # bytes of one read; a child cuts its batches far below
_GROUP_ROWS = 122_880  # as in the engine's files
_GROUP_BYTES = 32 * 1024**2
_BETWEEN_LOOKS = 64 * 1024**2  # bytes between two looks at the disk
_TOO_MUCH_MEMORY = "The query was stopped: it needs more memory than a definition may use."


class DefinitionFailed(Exception):
    """A definition gave no result. The message tells its author why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class ResultLimits:
    """The largest result of a definition: rows, and bytes in memory."""

    rows: int = 100_000_000
    bytes: int = 20 * 1024**3


def collect_rows(child: Child, out: Path, limits: ResultLimits) -> None:
    """Write the rows that a child sends. Blocks until the process has ended.

    Raises DefinitionFailed, with the reason, if the query fails or its result is too large, ChildEnded if the process was
    killed, and InsufficientStorage if the disk is full. Then there is no file.
    """
    try:
        refused = _written(child, out, limits)
        _finish(child)
        if refused is not None:
            raise refused
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _written(child: Child, out: Path, limits: ResultLimits) -> DefinitionFailed | None:
    """Write the rows. Returns the reason if the stream is cut off: the process has a better one, unless it succeeded."""
    try:
        _write(_Bounded(child.stream), out, limits)
    except (pa.ArrowException, OSError) as error:
        if is_full(error):
            child.kill()
            raise disk_full() from error
        child.stream.close()
        return DefinitionFailed("The query ended without a result.")
    except (ShapeRefused, DefinitionFailed) as error:
        child.kill()
        raise DefinitionFailed(str(error)) from None
    return None


def _finish(child: Child) -> None:
    try:
        child.finish()
    except MemoryError:
        raise DefinitionFailed(_TOO_MUCH_MEMORY) from None


class _Bounded:
    """A stream that refuses one read of more than 64 MiB, before it reads."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes. Raises DefinitionFailed if that is too much."""
        if size < 0 or size > _MESSAGE:
            raise DefinitionFailed("The query has a value that is too long.")
        return self._stream.read(size)


def _write(stream: Any, out: Path, limits: ResultLimits) -> None:
    rows = size = seen = 0
    with pa.ipc.open_stream(stream) as reader:
        refuse_shape(reader.schema)
        with _Rows(out, reader.schema) as written:
            for batch in reader:
                batch.validate(full=True)
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if rows > limits.rows or size > limits.bytes:
                    raise DefinitionFailed(
                        f"The query gives more than {limits.rows:,} rows or {limits.bytes / 1024**3:g} GiB."
                    )
                if size - seen > _BETWEEN_LOOKS:
                    seen = size
                    if not has_room(out.parent):
                        raise disk_full()
                written.add(batch)


class _Rows:
    """A file whose groups have many batches: each group costs time when it is read."""

    def __init__(self, out: Path, schema: Any) -> None:
        self._writer = pq.ParquetWriter(out, schema, compression="zstd", use_dictionary=False)
        self._waiting: list[Any] = []
        self._size = 0

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()

    def add(self, batch: Any) -> None:
        """Add a batch."""
        self._waiting.append(batch)
        self._size += batch.nbytes
        if self._size >= _GROUP_BYTES or sum(map(len, self._waiting)) >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting, self._size = [], 0


def reason_of(ended: ChildEnded) -> str:
    """Return why a definition has no result whose process ended without a report; a killed one was tried twice."""
    if ended.code == -signal.SIGXCPU:
        return "The query used more processor time than a definition may."
    if ended.by_signal:
        return (
            "The query's process was killed twice; most likely it needs more memory than there is."
        )
    return "The query ended without a result."
