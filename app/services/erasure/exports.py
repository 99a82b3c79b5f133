"""Exported files in the service's own store, without the person. Their names stay, because links and receipts contain them."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
from pathlib import Path
from typing import IO, Any

import orjson

from app.core.objects import ObjectMissing
from app.domain.persons import Person, is_distinctive, is_id_column
from app.services.delivery import EXPORTS_FOLDER
from app.services.erasure.files import Tally
from app.services.platform import Platform
from app.snapshots.erasure import erase_person

_MANIFEST = ".manifest.json"
_DELIMITERS = ",|\t;:"
_LONGEST_CELL = 2**31 - 1


async def rewrite_exports(platform: Platform, space_id: str, person: Person, tally: Tally) -> None:
    """Rewrite the exported files of a space that name the person, and their manifests."""
    folder = f"{EXPORTS_FOLDER}{space_id}"
    keys = [key async for key, _, _ in platform.objects.list(folder)]
    for key in keys:
        if key.endswith(_MANIFEST) or key in tally.clean:
            continue
        removed = await _rewrite(platform, key, person)
        if removed:
            tally.add("exports", files=1, rows=removed)
        else:
            tally.clean.add(key)


async def _rewrite(platform: Platform, key: str, person: Person) -> int:
    """Rewrite one file. Returns the number of rows that named the person."""
    source = platform.engine.scratch_file(".export")
    out = platform.engine.scratch_file(".erased")
    try:
        try:
            await _fetch(platform, key, source)
            manifest = await _manifest(platform, key)
        except ObjectMissing:
            return 0
        if manifest.get("format", "csv") == "parquet":
            erased = await platform.engine.run(erase_person, source, person, out, table=True)
            removed = erased.removed + erased.changed if erased else 0
            gone = erased.removed if erased else 0
        else:
            removed = gone = await asyncio.to_thread(
                _without, source, out, person, manifest.get("columns") or []
            )
        if removed:
            content = await asyncio.to_thread(out.read_bytes)
            await platform.objects.put(out, key)
            await _put_manifest(platform, key, manifest, content, gone)
        return removed
    finally:
        source.unlink(missing_ok=True)
        out.unlink(missing_ok=True)


async def _fetch(platform: Platform, key: str, target: Path) -> None:
    with target.open("wb") as file:
        async for piece in platform.objects.open_read(key):
            await asyncio.to_thread(file.write, piece)


async def _manifest(platform: Platform, key: str) -> dict[str, Any]:
    text = b"".join([piece async for piece in platform.objects.open_read(key + _MANIFEST)])
    found: dict[str, Any] = orjson.loads(text)
    return found


async def _put_manifest(
    platform: Platform, key: str, manifest: dict[str, Any], content: bytes, removed: int
) -> None:
    """Write the manifest of a changed file. ``erased`` counts the rows that ``counts`` has and the file has no more."""
    changed = {
        **manifest,
        "rows": manifest.get("rows", 0) - removed,
        "erased": manifest.get("erased", 0) + removed,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    local = platform.engine.scratch_file(".json")
    try:
        local.write_bytes(orjson.dumps(changed, option=orjson.OPT_INDENT_2) + b"\n")
        await platform.objects.put(local, key + _MANIFEST)
    finally:
        local.unlink(missing_ok=True)


def _without(source: Path, out: Path, person: Person, columns: list[str]) -> int:
    """Copy a CSV file without the rows that name the person. Returns their number."""
    csv.field_size_limit(_LONGEST_CELL)
    removed = 0
    with _opened(source, out) as (read, written):
        first = read.readline()
        mark = "\ufeff" if first.startswith("\ufeff") else ""
        delimiter = _delimiter(first.removeprefix(mark), columns)
        written.write(first)
        rows = csv.writer(written, delimiter=delimiter, lineterminator="\r\n")
        for row in csv.reader(read, delimiter=delimiter):
            if _names(row, columns, person):
                removed += 1
            else:
                rows.writerow(row)
    return removed


def _delimiter(header: str, columns: list[str]) -> str:
    for delimiter in _DELIMITERS:
        if next(csv.reader([header], delimiter=delimiter), []) == columns:
            return delimiter
    return ","


def _names(row: list[str], columns: list[str], person: Person) -> bool:
    for place, cell in enumerate(row):
        name = columns[place] if place < len(columns) else ""
        if person.is_mentioned(cell):
            return True
        if person.is_named(cell) and (is_distinctive(cell) or is_id_column(name)):
            return True
    return False


class _opened:  # noqa: N801  used as a function
    """Both files as text, compressed if the source is."""

    def __init__(self, source: Path, out: Path) -> None:
        with source.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        self._raw: list[IO[bytes]] = [source.open("rb"), out.open("wb")]
        self._plain: list[Any] = list(self._raw)
        if is_gzip:
            self._plain = [
                gzip.GzipFile(fileobj=self._raw[0], mode="rb"),
                gzip.GzipFile(filename="", fileobj=self._raw[1], mode="wb", mtime=0),
            ]

    def __enter__(self) -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
        read, written = (io.TextIOWrapper(one, "utf-8", newline="") for one in self._plain)
        self._texts = (read, written)
        return self._texts

    def __exit__(self, *exception: object) -> None:
        for text in self._texts:
            text.close()
        for file in self._raw:
            file.close()
