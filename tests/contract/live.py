"""API processes on loopback, for tests that need several processes or a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.config import Settings


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as another process reads them."""
    values: dict[str, str] = {}
    for name, value in settings.model_dump(mode="json", exclude_defaults=True).items():
        found = getattr(settings, name)
        text = found.get_secret_value() if hasattr(found, "get_secret_value") else str(value)
        known = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}
        values[known.get(name, f"ACTIVATIONS_{name.upper()}")] = text
    values.pop("ACTIVATIONS_RETRY_WAITS", None)
    return values


@contextmanager
def api_process(settings: Settings) -> Iterator[str]:
    """Start one process. Yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "api", "--port", str(port)]
    process = subprocess.Popen(
        command, env={**os.environ, **_environment(settings)}, stdin=subprocess.DEVNULL
    )
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"the API ended with {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError("the API did not come up")
