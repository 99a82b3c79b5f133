"""The local cache of a bucket, which many threads and processes use at once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyarrow import fs

from app.core.object_backends import Bucket

OBJECTS = 40


@pytest.fixture
def digests(tmp_path: Path) -> dict[str, str]:
    """Stored objects: their checksums by key."""
    (tmp_path / "store").mkdir()
    found = {}
    for number in range(OBJECTS):
        content = f"object {number}".encode()
        (tmp_path / "store" / f"{number}.bin").write_bytes(content)
        found[f"{number}.bin"] = hashlib.sha256(content).hexdigest()
    return found


def bucket(tmp_path: Path, cache: str) -> Bucket:
    return Bucket(fs.LocalFileSystem(), str(tmp_path / "store"), tmp_path / cache)


def test_objects_that_are_fetched_at_once_do_not_disturb_each_other(
    tmp_path: Path, digests: dict[str, str]
) -> None:
    with ThreadPoolExecutor(16) as threads:
        for turn in range(10):
            one = bucket(tmp_path, f"cache{turn}")
            found = list(threads.map(lambda key: one.fetch(key, digests[key]), digests))  # noqa: B023
            assert [path.read_text() for path in found] == [f"object {n}" for n in range(OBJECTS)]


def test_a_file_that_another_process_has_just_renamed_is_no_error(
    tmp_path: Path, digests: dict[str, str]
) -> None:
    one = bucket(tmp_path, "cache")
    gone = tmp_path / "cache" / "objects" / ".get_gone"
    gone.symlink_to(tmp_path / "nowhere")  # listed, and not there when it is looked at
    assert one.fetch("1.bin", digests["1.bin"]).read_text() == "object 1"
    assert bucket(tmp_path, "cache").at_hand("1.bin", digests["1.bin"])
