"""Wake-ups: arq jobs that hold ids and mean "this is due". A lost job does no harm; the sweep enqueues it again."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from redis.exceptions import RedisError

from app.core.logging import get_logger

log = get_logger(__name__)

QUEUE_NAME = "activations"
_BUDGET_SECONDS = 1  # R28: the longest wait for a Redis that does not respond


class Task(StrEnum):
    """The arq tasks, by the names that workers register."""

    RECOMPUTE = "recompute"
    PREVIEW = "preview"
    PLAN = "plan"
    DELIVER = "deliver"
    SETTLE = "settle"
    NOTIFY = "notify"
    ASK = "ask"  # whether the partner has finished the calls that were left with it


def serialize(value: dict[str, Any]) -> bytes:
    """Encode a job as JSON instead of arq's pickle, so that write access to Redis does not allow running code (R28)."""
    return orjson.dumps(value, default=str)


def deserialize(data: bytes) -> dict[str, Any]:
    """Decode a job that :func:`serialize` encoded. Returns arq's own dictionary, ``{t, f, a, k, et}``."""
    value: dict[str, Any] = orjson.loads(data)
    return value


def redis_settings(url: str) -> RedisSettings:
    """Return arq's settings for a ``redis://``, ``rediss://`` or ``unix://`` URL: a short timeout, no retries.

    With ``rediss://``, the server's certificate must be valid for its host name.
    """
    settings = RedisSettings.from_dsn(url)
    settings.ssl_check_hostname = settings.ssl
    settings.conn_timeout = _BUDGET_SECONDS
    settings.conn_retries = 0
    return settings


class Queue:
    """Enqueues arq jobs. Every method returns within about a second; an unreachable Redis raises nothing."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._pool: ArqRedis | None = None
        self._connecting = asyncio.Lock()
        self._silent_since: float | None = None if url else time.monotonic() - 3600
        self._last_unheard: float | None = None

    @property
    def pool(self) -> ArqRedis | None:
        """The connection pool, or None before the first connection."""
        return self._pool

    def silent_for(self) -> timedelta:
        """Return how long Redis has not responded; zero if it responds."""
        if self._silent_since is None:
            return timedelta(0)
        return timedelta(seconds=time.monotonic() - self._silent_since)

    async def ring(
        self, task: Task, *ids: str, job_id: str, delay: timedelta | None = None
    ) -> bool:
        """Enqueue ``task`` with ids. Returns False if Redis is unreachable.

        ``job_id`` names the row and its version, so that arq drops duplicates (R13).
        """
        if self._url is None or self._was_just_away():
            return False
        try:
            async with asyncio.timeout(_BUDGET_SECONDS):
                pool = await self._connected()
                await pool.enqueue_job(
                    task.value, *ids, _job_id=job_id, _queue_name=QUEUE_NAME, _defer_by=delay
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._unheard(error)
            return False
        self._silent_since = None
        return True

    async def ping(self) -> bool:
        """Return whether Redis responds now."""
        if self._url is None:
            return False
        try:
            async with asyncio.timeout(_BUDGET_SECONDS):
                pool = await self._connected()
                await pool.ping()
        except (RedisError, OSError, TimeoutError) as error:
            self._unheard(error)
            return False
        self._silent_since = None
        return True

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    def _was_just_away(self) -> bool:
        """Skip further attempts for a second, so that many jobs of one commit do not wait a second each."""
        last = self._last_unheard
        return last is not None and time.monotonic() - last < _BUDGET_SECONDS

    async def _connected(self) -> ArqRedis:
        async with self._connecting:
            return await self._connect()

    async def _connect(self) -> ArqRedis:
        if self._pool is None:
            assert self._url is not None  # noqa: S101  the callers checked it
            self._pool = await create_pool(
                redis_settings(self._url),
                job_serializer=serialize,
                job_deserializer=deserialize,
                default_queue_name=QUEUE_NAME,
            )
        return self._pool

    def _unheard(self, error: Exception) -> None:
        self._last_unheard = time.monotonic()
        if self._silent_since is None:
            self._silent_since = time.monotonic()
            log.warning("redis_silent", error=type(error).__name__)
