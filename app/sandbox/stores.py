"""Emulators of S3 and GCS: third-party packages, started if they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

BUCKET = "exports"
TITLES = {"s3": "S3", "gcs": "Google Cloud Storage"}


class Stores:
    """Both stores, in memory, each with the bucket ``exports``."""

    def __init__(self) -> None:
        self._stops: list[Callable[[], Any]] = []
        self._readers: dict[str, Callable[[], list[dict[str, Any]]]] = {}
        self.urls: dict[str, str] = {}

    def start(self, host: str = "127.0.0.1") -> dict[str, str]:
        """Start both stores. Returns ``{name: url}`` without the stores that are not installed."""
        for name, start in (("s3", self._start_s3), ("gcs", self._start_gcs)):
            try:
                self.urls[name] = start(host)
            except ModuleNotFoundError:
                continue
        return dict(self.urls)

    def _start_s3(self, host: str) -> str:
        server = importlib.import_module("moto.server").ThreadedMotoServer(host, 0, verbose=False)
        backends = importlib.import_module("moto.backends")
        server.start()
        self._stops.append(server.stop)
        account = backends.get_backend("s3")["123456789012"]["aws"]
        if BUCKET not in account.buckets:  # all stores of a process are one
            account.create_bucket(BUCKET, "us-east-1")
        self._readers["s3"] = lambda: [
            {"name": one.name, "size": one.size, "changed": one.last_modified.isoformat()}
            for one in list(account.buckets[BUCKET].keys.values())
        ]
        return f"http://{host}:{server.get_host_and_port()[1]}"

    def _start_gcs(self, host: str) -> str:
        emulator = importlib.import_module("gcp_storage_emulator.server")
        server = emulator.create_server(host, 0, in_memory=True, default_bucket=BUCKET)
        server.start()
        self._stops.append(server.stop)
        self._readers["gcs"] = lambda: [
            {"name": one["name"], "size": int(one["size"]), "changed": one["updated"]}
            for one in server._storage.get_file_list(BUCKET)[0]
        ]
        return f"http://{host}:{server._api._httpd.server_address[1]}"

    def listed(self) -> list[dict[str, Any]]:
        """Return ``[{"name", "title", "url", "bucket", "files": [{"name", "size", "changed"}]}]``, newest files first.

        ``size`` is in bytes, ``changed`` a time as ISO 8601.
        """
        return [
            {
                "name": name,
                "title": TITLES[name],
                "url": url,
                "bucket": BUCKET,
                "files": sorted(
                    self._readers[name](), key=lambda one: str(one["changed"]), reverse=True
                ),
            }
            for name, url in self.urls.items()
        ]

    def stop(self) -> None:
        """Stop both."""
        for stop in self._stops:
            stop()
        self._stops.clear()
        self._readers.clear()
        self.urls.clear()
