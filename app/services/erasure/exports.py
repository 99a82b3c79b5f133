"""Exported files in the service's own store, without the person. Their names stay, because links and receipts contain them."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow.parquet as pq

from app.core.objects import ObjectMissing
from app.core.threads import in_thread
from app.domain.persons import Person, is_id_column
from app.domain.text_forms import folded
from app.services.delivery import EXPORTS_FOLDER
from app.services.erasure.files import Tally
from app.services.platform import Platform
from app.snapshots.erasure import Erased, erase_person

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
        erased = await _rewrite(platform, key, person)
        if erased is None:
            tally.clean.add(key)
        else:
            tally.add("exports", files=1, rows=erased.removed, values=erased.changed)


async def _rewrite(platform: Platform, key: str, person: Person) -> Erased | None:
    """Rewrite one file. Returns None if it does not name the person."""
    source = platform.engine.scratch_file(".export")
    out = platform.engine.scratch_file(".erased")
    try:
        try:
            await _fetch(platform, key, source)
        except ObjectMissing:
            return None
        manifest = await _manifest(platform, key)
        if await asyncio.to_thread(_is_parquet, source):
            erased = await platform.engine.run(erase_person, source, person, out, table=True)
        else:
            columns = manifest.get("columns") or []
            erased = await in_thread(_without, source, out, person, columns)
        if erased is not None:
            await platform.objects.put(out, key)
        await _fit_manifest(platform, key, manifest, out if erased else source)
        return erased
    finally:
        source.unlink(missing_ok=True)
        out.unlink(missing_ok=True)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


async def _fetch(platform: Platform, key: str, target: Path) -> None:
    with target.open("wb") as file:
        async for piece in platform.objects.open_read(key):
            await in_thread(file.write, piece)


async def _manifest(platform: Platform, key: str) -> dict[str, Any]:
    """Return the manifest of a file; empty if it was not written."""
    try:
        text = b"".join([piece async for piece in platform.objects.open_read(key + _MANIFEST)])
    except ObjectMissing:
        return {}
    found: dict[str, Any] = orjson.loads(text)
    return found


async def _fit_manifest(platform: Platform, key: str, manifest: dict[str, Any], path: Path) -> None:
    """Write the manifest of a changed file, also of one that was changed before a crash.

    ``erased`` counts the rows that ``counts`` has and the file has no more.
    """
    content = await asyncio.to_thread(path.read_bytes)
    digest = hashlib.sha256(content).hexdigest()
    if manifest.get("sha256", digest) == digest:
        return
    rows = await asyncio.to_thread(_count_rows, path)
    changed = {
        **manifest,
        "rows": rows,
        "erased": manifest.get("erased", 0) + manifest.get("rows", rows) - rows,
        "bytes": len(content),
        "sha256": digest,
    }
    local = platform.engine.scratch_file(".json")
    try:
        local.write_bytes(orjson.dumps(changed, option=orjson.OPT_INDENT_2) + b"\n")
        await platform.objects.put(local, key + _MANIFEST)
    finally:
        local.unlink(missing_ok=True)


def _count_rows(path: Path) -> int:
    """Count the rows of a file, without the header of CSV. The delimiter does not matter."""
    if _is_parquet(path):
        return int(pq.read_metadata(path).num_rows)
    with _reading(path) as read:
        return max(0, sum(1 for _ in csv.reader(read)) - 1)


def _without(source: Path, out: Path, person: Person, columns: list[str]) -> Erased | None:
    """Copy a CSV file without the rows of the person, and without other values that mention the person.

    Returns None if there are none.
    """
    csv.field_size_limit(_LONGEST_CELL)
    removed = changed = kept = 0
    with _reading(source) as read, _writing(out, like=source) as written:
        first = read.readline()
        mark = "\ufeff" if first.startswith("\ufeff") else ""
        delimiter = _delimiter(first.removeprefix(mark), columns)
        written.write(first)
        rows = csv.writer(written, delimiter=delimiter, lineterminator="\r\n")
        for row in csv.reader(read, delimiter=delimiter):
            if _is_persons(row, columns, person):
                removed += 1
                continue
            shown = ["" if person.is_mentioned(cell) else cell for cell in row]
            changed += shown != row
            kept += 1
            rows.writerow(shown)
    return Erased(removed, changed, kept) if removed or changed else None


def _delimiter(header: str, columns: list[str]) -> str:
    for delimiter in _DELIMITERS:
        if next(csv.reader([header], delimiter=delimiter), []) == columns:
            return delimiter
    return max(_DELIMITERS, key=header.count)


def _is_persons(row: list[str], columns: list[str], person: Person) -> bool:
    """Return whether a cell is one of the names, or one of their hashes."""
    for place, cell in enumerate(row):
        if folded(cell) in person.anywhere:
            return True
        name = columns[place] if place < len(columns) else ""
        if is_id_column(name) and person.is_named(cell):
            return True
    return False


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def _reading(path: Path) -> Iterator[IO[str]]:
    """Open a file as text, also a compressed one."""
    opened: Any = gzip.open if _is_gzip(path) else open
    with opened(path, "rt", encoding="utf-8", newline="") as text:
        yield text


@contextmanager
def _writing(path: Path, *, like: Path) -> Iterator[IO[str]]:
    """Open a file for text, compressed if another file is. Equal texts become equal bytes."""
    with contextlib.ExitStack() as stack:
        raw: Any = stack.enter_context(path.open("wb"))
        if _is_gzip(like):
            raw = stack.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0))
        yield stack.enter_context(io.TextIOWrapper(raw, "utf-8", newline=""))
