"""The object store on an S3 stand-in."""

# ruff: noqa: ASYNC240  (a test may block)

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app.core.objects import ObjectDamaged, ObjectMissing, ObjectStore, StoreAway


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # its import takes most of a second

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.put(f"http://{host}:{port}/bucket")
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str, tmp_path: Path) -> ObjectStore:
    options = f"access_key=test&secret_key=test&region=us-east-1&scheme=http&endpoint_override={quote(endpoint)}"
    return ObjectStore.from_url(f"s3://bucket/{tmp_path.name}?{options}", tmp_path / "cache")


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "made.bin"
    path.write_bytes(b"content" * 1_000_000)
    return path


@pytest.mark.walk
async def test_stores_and_fetches_through_the_cache(
    store: ObjectStore, local: Path, tmp_path: Path
) -> None:
    digest, size = await store.put(local, "a/b.parquet")
    assert size == 7_000_000
    fetched = await store.fetch("a/b.parquet", digest)
    assert fetched.read_bytes() == local.read_bytes()
    assert fetched.is_relative_to(tmp_path / "cache")
    assert fetched.suffix == ".parquet"
    await store.delete("a/b.parquet")
    assert not await store.exists("a/b.parquet")
    assert not fetched.exists(), "the copy of this machine is deleted with the file"
    with pytest.raises(ObjectMissing):
        await store.fetch("a/b.parquet", digest)


@pytest.mark.parametrize("name", ["a/x.csv.gz", "a/x.parquet.zst"])
async def test_compressed_files_are_stored_as_they_are(
    store: ObjectStore, local: Path, name: str
) -> None:
    digest, size = await store.put(local, name)
    assert [found async for _, found, _ in store.list("a")] == [size]
    assert (await store.fetch(name, digest)).read_bytes() == local.read_bytes()
    assert b"".join([piece async for piece in store.open_read(name)]) == local.read_bytes()


@pytest.mark.walk
async def test_copies_that_nothing_uses_are_removed(
    store: ObjectStore, local: Path, tmp_path: Path
) -> None:
    digest, _ = await store.put(local, "old")
    old = await store.fetch("old", digest)
    recent = time.time() - 2 * 86_400
    for key, used in (("old", recent - 2 * 86_400), ("new", recent)):
        await store.put(local, key)
        os.utime(await store.fetch(key, digest), (used, used))
    await store.fetch("new", digest)
    await store.put(local, "third")
    await store.fetch("third", digest)
    assert not old.exists()
    assert len(list((tmp_path / "cache" / "objects").iterdir())) == 2


async def test_lists_streams_and_deletes(store: ObjectStore, local: Path) -> None:
    await store.put(local, "a/1")
    await store.put(local, "a/b/2")
    assert sorted([(key, size) async for key, size, _ in store.list("a")]) == [
        ("a/1", 7_000_000),
        ("a/b/2", 7_000_000),
    ]
    assert sum([len(piece) async for piece in store.open_read("a/1")]) == 7_000_000
    assert [entry async for entry in store.list("elsewhere")] == []


async def test_tells_missing_and_damaged_objects(
    store: ObjectStore, local: Path, tmp_path: Path
) -> None:
    with pytest.raises(ObjectMissing):
        await store.fetch("nothing", "0" * 64)
    await store.put(local, "other")
    with pytest.raises(ObjectDamaged):
        await store.fetch("other", "0" * 64)
    assert list((tmp_path / "cache" / "objects").iterdir()) == []


async def test_a_bucket_that_is_not_there_is_named_without_the_key(
    endpoint: str, local: Path, tmp_path: Path
) -> None:
    options = f"access_key=test&secret_key=test&region=us-east-1&scheme=http&endpoint_override={quote(endpoint)}"
    store = ObjectStore.from_url(f"s3://nowhere?{options}", tmp_path / "cache")
    with pytest.raises(StoreAway) as away:
        await store.put(local, "spaces/spa_1/file")
    assert str(away.value) == "NO_SUCH_BUCKET: The specified bucket does not exist"
    assert await store.fault() == str(away.value)


async def test_the_check_leaves_nothing(store: ObjectStore) -> None:
    await store.try_out()
    assert [key async for key, _, _ in store.list()] == []
