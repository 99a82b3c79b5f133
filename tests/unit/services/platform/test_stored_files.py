"""Stored files: keys, and local paths of what is in the object store."""

from __future__ import annotations

from pathlib import Path

from app.services.platform.platform import Platform
from app.services.platform.stored_files import (
    activation_folder,
    audience_folder,
    fetch_file,
    fetch_manifest,
    fresh_key,
    store_file,
)
from app.snapshots.engine import Manifest, StoredFile


async def stored(local: Platform, folder: Path, text: str) -> StoredFile:
    path = folder / "made.txt"
    path.write_text(text)
    return await store_file(local.objects, path, fresh_key("spaces/s", "made", "txt"), rows=1)


def test_files_of_spaces_audiences_and_activations_are_apart() -> None:
    folders = [audience_folder("s1", "x"), audience_folder("s2", "x"), activation_folder("s1", "x")]
    assert folders == ["spaces/s1/audiences/x", "spaces/s2/audiences/x", "spaces/s1/activations/x"]


def test_a_key_is_never_used_again() -> None:
    first, second = (fresh_key("folder", "base") for _ in range(2))
    assert first != second
    assert first.startswith("folder/base-")
    assert first.endswith(".parquet")


async def test_a_stored_file_has_its_size_and_leaves_no_local_copy(
    local: Platform, tmp_path: Path
) -> None:
    file = await stored(local, tmp_path, "content")
    assert (file.rows, file.bytes) == (1, 7)
    assert not (tmp_path / "made.txt").exists()
    assert (await fetch_file(local.objects, file)).read_text() == "content"


async def test_a_manifest_is_fetched_in_the_order_of_reading(
    local: Platform, tmp_path: Path
) -> None:
    base, *deltas = [await stored(local, tmp_path, text) for text in ("base", "first", "second")]
    found = await fetch_manifest(local.objects, Manifest((base,), tuple(deltas)))
    assert [path.read_text() for path in found.base] == ["base"]
    assert [path.read_text() for path in found.deltas] == ["first", "second"]
