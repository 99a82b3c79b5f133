"""One export: writes rows to a local file, and publishes the file and its manifest."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pyarrow as pa

from app.connectors.base import Call, Delivery, JsonColumns, Receipts, Refusal
from app.connectors.destinations.file_export.arrow_values import arrow_values
from app.connectors.destinations.file_export.failures import as_connector_error
from app.connectors.destinations.file_export.options import FileOptions, file_name, wanted_columns
from app.connectors.destinations.file_export.rows import make_columns, values_of
from app.connectors.destinations.file_export.targets import Target
from app.connectors.destinations.file_export.writers import Writer, digest_of, open_writer
from app.core.clock import to_wire
from app.core.threads import in_thread

MANIFEST = ".manifest.json"


class Export:
    """Writes the file of one call."""

    def __init__(
        self, call: Call, options: FileOptions, target: Target, scratch: str, *, snapshot: bool
    ) -> None:
        self._call = call
        self._options = options
        self._target = target
        self._scratch = scratch
        self._snapshot = snapshot
        self._columns = make_columns(call, wanted_columns(call), snapshot=snapshot)
        self._counts: Counter[str] = Counter()
        self._rejected: dict[int, Refusal] = {}
        self._seen = 0
        self._changed_cells = 0

    async def run(self, chunks: AsyncIterator[Sequence[Delivery]]) -> Receipts:
        """Write and publish the file. The receipts name the rows that could not be written."""
        await asyncio.to_thread(Path(self._scratch).mkdir, parents=True, exist_ok=True)
        folder = Path(
            await asyncio.to_thread(tempfile.mkdtemp, dir=self._scratch, prefix="export-")
        )
        try:
            path = await self._write(folder, chunks)
            if not self._counts and self._options.empty_delta == "skip" and not self._snapshot:
                return Receipts(rejected=self._rejected)
            return await self._publish(folder, path)
        except (OSError, pa.ArrowException) as error:
            raise as_connector_error(error, "writing the file") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _write(self, folder: Path, chunks: AsyncIterator[Sequence[Delivery]]) -> Path:
        part = folder / "rows.part"
        writer = await in_thread(open_writer, part, self._options, self._columns, self._facts())
        try:
            async for chunk in chunks:
                if chunk:
                    await in_thread(self._write_chunk, writer, chunk)
        except BaseException as error:
            # The first error counts, not that of a file that cannot be closed.
            with contextlib.suppress(OSError, ValueError, pa.ArrowException):
                await in_thread(writer.__exit__, type(error), error, None)
            raise
        await in_thread(writer.__exit__, None, None, None)
        self._changed_cells = writer.changed_cells
        return await asyncio.to_thread(part.rename, folder / file_name(self._options, self._call))

    def _write_chunk(self, writer: Writer, chunk: Sequence[Delivery]) -> None:
        texts = chunk.json_columns() if isinstance(chunk, JsonColumns) else None
        arrays = arrow_values(self._columns, texts) if texts is not None else None
        if texts is not None and arrays is not None:
            self._count(texts.kinds.to_pylist())
            writer.write(arrays)
        else:
            self._write_one_by_one(writer, list(chunk))
        self._seen += len(chunk)

    def _write_one_by_one(self, writer: Writer, chunk: Sequence[Delivery]) -> None:
        values, faults = values_of(self._columns, chunk)
        for index, words in faults.items():
            self._rejected[self._seen + index] = Refusal("cannot_encode", words)
        self._count([one.kind.value for i, one in enumerate(chunk) if i not in faults])
        writer.write(values)

    def _count(self, kinds: Sequence[str]) -> None:
        self._counts.update(["member"] * len(kinds) if self._snapshot else kinds)

    def _facts(self) -> dict[str, str]:
        return {
            "audience_key": self._call.audience.key,
            "sync_id": self._call.sync_id,
            "contents": self._options.contents,
            "mode": "resync" if self._call.resync else "incremental",
        }

    async def _publish(self, folder: Path, path: Path) -> Receipts:
        manifest = folder / (path.name + MANIFEST)
        await asyncio.to_thread(self._write_manifest, manifest, path)
        # The manifest is published last, so that its file always exists.
        keys = [await self._target.publish(one.name, one) for one in (path, manifest)]
        return Receipts(rejected={} if self._snapshot else self._rejected, exports=keys)

    def _write_manifest(self, manifest: Path, path: Path) -> None:
        call = self._call
        content = {
            "file": path.name,
            "format": self._options.format,
            "compression": self._options.effective_compression,
            "contents": self._options.contents,
            "columns": [column.name for column in self._columns],
            "rows": sum(self._counts.values()),
            "counts": dict(sorted(self._counts.items())),
            "leftOut": len(self._rejected),
            "changedCells": self._changed_cells,
            "bytes": path.stat().st_size,
            "sha256": digest_of(path),
            "spaceId": call.space_id,
            "audience": {
                "id": call.audience.id,
                "key": call.audience.key,
                "name": call.audience.name,
            },
            "activationId": call.activation_id,
            "syncId": call.sync_id,
            "mode": "resync" if call.resync else "incremental",
            "seq": call.seq,
            "plannedAt": to_wire(call.planned_at),
        }
        manifest.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
