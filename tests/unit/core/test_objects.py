"""The object store on the local disk. Integration tests check S3."""

# ruff: noqa: ASYNC240  (a test may block)

from __future__ import annotations

import hashlib
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import fs

from app.core import object_backends, objects
from app.core.objects import ObjectMissing, ObjectStore, StoreAway, is_unfinished


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore.from_url((tmp_path / "objects").as_uri(), tmp_path / "cache")


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "made.bin"
    path.write_bytes(b"content" * 1000)
    return path


class TestPut:
    async def test_says_hash_and_size(self, store: ObjectStore, local: Path) -> None:
        digest, size = await store.put(local, "spaces/one/file.bin")
        assert digest == hashlib.sha256(local.read_bytes()).hexdigest()
        assert size == 7000
        assert (await store.fetch("spaces/one/file.bin", digest)).read_bytes() == local.read_bytes()

    async def test_the_object_outlives_its_source(self, store: ObjectStore, local: Path) -> None:
        digest, _ = await store.put(local, "a/b")
        local.unlink()
        assert (await store.fetch("a/b", digest)).stat().st_size == 7000

    async def test_a_repeat_replaces(self, store: ObjectStore, local: Path, tmp_path: Path) -> None:
        await store.put(local, "a/b")
        other = tmp_path / "other"
        other.write_bytes(b"new")
        digest, _ = await store.put(other, "a/b")
        assert (await store.fetch("a/b", digest)).read_bytes() == b"new"

    async def test_a_failure_leaves_nothing(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            await store.put(tmp_path / "nowhere", "a/b")
        assert [entry async for entry in store.list()] == []


class TestKeys:
    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/./b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            "..",
        ],
    )
    async def test_that_lead_elsewhere_are_refused(
        self, store: ObjectStore, local: Path, key: str
    ) -> None:
        with pytest.raises(ValueError, match="not a key"):
            await store.put(local, key)
        with pytest.raises(ValueError, match="not a key"):
            await store.fetch(key, "")

    async def test_a_link_out_of_the_folder_is_not_followed(
        self, store: ObjectStore, local: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "objects" / "out").symlink_to("/etc")
        with pytest.raises(ValueError, match="leads out"):
            await store.fetch("out/passwd", "")


class TestRead:
    async def test_what_is_not_there(self, store: ObjectStore, local: Path) -> None:
        with pytest.raises(StoreAway, match="its volume may not be mounted"):
            await store.fetch("a/b", "")
        await store.put(local, "other")
        assert not await store.exists("a/b")
        with pytest.raises(ObjectMissing):
            await store.fetch("a/b", "")
        with pytest.raises(ObjectMissing):
            [piece async for piece in store.open_read("a/b")]
        await store.delete("a/b")

    async def test_streams_in_pieces(self, store: ObjectStore, tmp_path: Path) -> None:
        large = tmp_path / "large"
        large.write_bytes(b"x" * 2_500_000)
        await store.put(large, "large")
        assert [len(piece) async for piece in store.open_read("large")] == [
            1048576,
            1048576,
            402848,
        ]

    async def test_lists_below_a_folder(self, store: ObjectStore, local: Path) -> None:
        for key in ("a/1", "a/b/2", "c/3"):
            await store.put(local, key)
        found = [entry async for entry in store.list("a")]
        assert [(key, size) for key, size, _ in found] == [("a/1", 7000), ("a/b/2", 7000)]
        assert all(abs(datetime.now(UTC) - moment) < timedelta(minutes=1) for _, _, moment in found)
        assert len([entry async for entry in store.list()]) == 3
        await store.delete("a/1")
        assert not await store.exists("a/1")


class TestFaults:
    async def test_a_store_that_works_can_be_tried_out_and_has_no_fault(
        self, store: ObjectStore
    ) -> None:
        await store.try_out()
        assert await store.fault() is None
        assert [entry async for entry in store.list()] == []

    async def test_a_store_that_is_away_is_named_until_it_is_back(
        self, store: ObjectStore, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.core.objects.ASK_AGAIN", 0)
        folder = tmp_path / "objects"
        shutil.rmtree(folder)
        folder.write_text("a file where the folder was")
        with pytest.raises(StoreAway, match="Not a directory"):
            await store.put(local, "a/b")
        assert await store.fault() is not None
        folder.unlink()
        assert await store.fault() is None


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://x", "begins with http://; file:///folder, s3://bucket/prefix and gs://"),
        ("abfs://container@account/x", "begins with abfs://"),
        ("objects", "has no scheme"),
        ("s3://", "names no bucket"),
        ("file://host/x", "three slashes"),
        ("file:///", "three slashes"),
        ("s3://b?endpiont=x", "unknown option endpiont (meant: endpoint_override?)"),
        ("s3://b?secret=1", "options of s3:// are access_key, secret_key"),
        ("s3://b?endpoint_override=x&scheme=htp", "scheme=htp; it is http or https"),
        ("gs://b?region=x", "unknown option region"),
        ("gs://b?anonymous=yes", "anonymous=yes; it is true or false"),
        ("file:///x?region=eu", "unknown option region; there are none"),
    ],
)
def test_urls_of_no_store_are_refused_by_name(tmp_path: Path, url: str, named: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the text is compared
        ObjectStore.from_url(url, tmp_path)
    assert named in str(refused.value)


class TestAfterACrash:
    """What a killed process, or a power failure, leaves behind."""

    async def test_an_unfinished_file_is_listed_after_a_day(
        self, store: ObjectStore, local: Path, tmp_path: Path
    ) -> None:
        await store.put(local, "spaces/one/file.bin")
        left = tmp_path / "objects" / "spaces" / "one" / ".put_1"
        left.write_bytes(b"half")
        assert [key async for key, _, _ in store.list()] == ["spaces/one/file.bin"]
        long_ago = time.time() - 90_000
        os.utime(left, (long_ago, long_ago))
        found = {key async for key, _, _ in store.list()}
        assert found == {"spaces/one/file.bin", "spaces/one/.put_1"}
        assert [key for key in found if is_unfinished(key)] == ["spaces/one/.put_1"]
        await store.delete("spaces/one/.put_1")
        assert not left.exists()

    def test_a_copy_of_a_bucket_has_its_name_only_when_its_bytes_are_on_the_disk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "bucket").mkdir()
        (tmp_path / "bucket" / "key.parquet").write_bytes(b"content")
        bucket = object_backends.Bucket(
            fs.LocalFileSystem(), str(tmp_path / "bucket"), tmp_path / "cache"
        )
        synced: list[list[str]] = []

        def sync_file(path: Path) -> None:
            synced.append([one.suffix for one in path.parent.iterdir()])

        monkeypatch.setattr(object_backends, "sync_file", sync_file)
        found = bucket.fetch("key.parquet", hashlib.sha256(b"content").hexdigest())
        assert found.read_bytes() == b"content"
        assert synced == [[""]], "the temporary name only"

    async def test_nothing_is_written_into_the_folder_of_an_unmounted_volume(
        self, store: ObjectStore, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(objects, "ASK_AGAIN", 0.0)
        digest, _ = await store.put(local, "spaces/one")
        root, volume = tmp_path / "objects", tmp_path / "volume"
        root.rename(volume)
        root.mkdir()  # the mount point
        assert "its volume may not be mounted" in str(await store.fault())
        with pytest.raises(StoreAway, match="its volume may not be mounted"):
            await store.put(local, "spaces/two")
        assert list(root.iterdir()) == []
        root.rmdir()
        volume.rename(root)
        await store.put(local, "spaces/two")
        assert await store.fault() is None
        assert (await store.fetch("spaces/one", digest)).stat().st_size == 7000
