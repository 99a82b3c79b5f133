"""A service for the benchmarks: `activations up` in a temporary folder, used over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.embedded.servers import start_servers

_PAUSE = 0.01  # seconds between two looks


class Service:
    """A client of the space of a running service."""

    def __init__(self, line: dict[str, Any], process: int) -> None:
        token = Path(line["tokenFile"]).read_text().strip()
        self.url, self.space_id, self.pids = line["url"], line["spaceId"], line["pids"]
        self.process = process  # the id of the process of `activations up`
        self.data = str(Path(line["tokenFile"]).parent)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=self.url, headers=self.headers, timeout=300)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send one request below the space. Returns the ``data`` of the response; raises RuntimeError unless it is a 200."""
        answer = self.http.request(method, f"/spaces/{self.space_id}{path}", **options)
        if answer.status_code != 200:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()["data"]

    def webhook_activation(self, url: str, **settings: Any) -> tuple[str, str]:
        """Create an audience of supplied members with an activation that posts to a URL. Returns both ids."""
        return self.activation("webhook", {"url": url, **settings})

    def activation(
        self, slug: str, settings: dict[str, Any], connection: dict[str, Any] | None = None
    ) -> tuple[str, str]:
        """Create an audience of supplied members with an enabled activation to a new destination. Returns both ids."""
        audience = self.call(
            "POST",
            "/audiences",
            json={"name": f"Bench {slug}", "definition": {"query": ""}, "audienceType": "USERS"},
        )["audience"]["id"]
        destination = self.call(
            "POST",
            "/destinations",
            json={"slug": slug, "name": "Sink", "settings": settings},
        )["destination"]["id"]
        connected = self.call(
            "POST",
            f"/audiences/{audience}/destination-connections",
            json={
                "destination": {"id": destination, "type": "destination"},
                **({"connectionSettings": connection} if connection else {}),
            },
        )["connection"]["id"]
        activation = self.call(
            "POST",
            f"/audiences/{audience}/destination-connections/{connected}/activations",
            json={
                "enabled": True,
                "performResync": False,
                "activationType": "Audience Membership Changed",
                "activationName": "Bench",
            },
        )["activation"]["id"]
        return audience, activation

    def wait_for_workers(self, count: int) -> None:
        """Wait until that many workers are live; TimeoutError after 60 s."""
        end = time.monotonic() + 60
        while self.http.get("/health/ready").json().get("workers") != count:
            if time.monotonic() > end:
                raise TimeoutError(f"{count} workers are not live")
            time.sleep(0.2)

    def syncs(self, audience: str, activation: str) -> list[Any]:
        """Return the syncs of an activation, newest first."""
        found = self.call("GET", f"/audiences/{audience}/activations/{activation}/syncs")
        return list(found["syncs"])

    def wait_for_sync(self, audience: str, activation: str, number: int) -> Any:
        """Wait until the newest sync has this number or a later one and is complete, and return it.

        Raises RuntimeError if it ends otherwise.
        """
        while True:
            newest = next(iter(self.syncs(audience, activation)), None)
            if newest is not None and newest["number"] >= number:
                if newest["status"] == "complete":
                    return newest
                if newest["status"] in ("failed", "held", "cancelled"):
                    raise RuntimeError(f"the sync ended as {newest}")
            time.sleep(_PAUSE)


@contextmanager
def database() -> Iterator[str]:
    """Start PostgreSQL alone, for a service without Redis. Yields its URL."""
    with tempfile.TemporaryDirectory(prefix="activations-bench-") as folder:
        Path(folder).chmod(0o711)
        running = start_servers(Path(folder) / "data")
        try:
            yield running.database_url
        finally:
            running.stop()


@contextmanager
def service(
    tree: Path | None = None, module: str = "app.cli", **environment: Any
) -> Iterator[Service]:
    """Start a service and stop it at the end of the block. ``tree`` is the folder of another version.

    ``module`` runs the command line.
    """
    if tree is not None:
        environment |= {"PYTHONPATH": str(tree)}
    with tempfile.TemporaryDirectory(prefix="activations-bench-") as folder:
        Path(folder).chmod(0o711)
        process = subprocess.Popen(
            [sys.executable, "-m", module, "up", "--data", f"{folder}/data", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tree,
            env={
                "PATH": os.environ["PATH"],
                "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
                "ACTIVATIONS_RATE_LIMITS": "off",
                "ACTIVATIONS_LOG_LEVEL": "warning",
                **environment,
            },
        )
        assert process.stdout is not None
        try:
            yield Service(json.loads(process.stdout.readline()), process.pid)
        finally:
            process.terminate()
            process.wait(30)
