"""Wake-ups: arq jobs that hold ids and mean "this is due". A lost job does no harm; the sweep enqueues it again."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    MaxConnectionsError,
    RedisError,
    ResponseError,
)

from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.redis_url import parse_redis_url

log = get_logger(__name__)

QUEUE_NAME = "activations"
_BUDGET_SECONDS = 1  # R28: the longest wait for a Redis that does not respond
_PROBE_MILLISECONDS = 60_000
_REFUSALS = (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    MaxConnectionsError,
    ResponseError,
)


class Task(StrEnum):
    """The arq tasks, by the names that workers register."""

    RECOMPUTE = "recompute"
    PREVIEW = "preview"
    PLAN = "plan"
    DELIVER = "deliver"
    SETTLE = "settle"
    NOTIFY = "notify"
    ERASE = "erase"
    BEAT = "beat"  # tells a worker that its own queue loop receives jobs
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
    address = parse_redis_url(url)
    return RedisSettings(
        unix_socket_path=address.path,
        host=address.host,
        port=address.port,
        username=address.username,
        password=address.password,
        database=address.database,
        ssl=address.tls,
        ssl_check_hostname=address.tls,
        conn_timeout=_BUDGET_SECONDS,
        conn_retries=0,
    )


Nearby = Callable[[Task, tuple[str, ...]], bool]
Announce = Callable[[Task, tuple[str, ...]], Awaitable[bool]]


class Queue:
    """Enqueues arq jobs. Every method returns within about a second; an unreachable Redis raises nothing.

    A Redis that responds but refuses what arq needs (full, read-only, loading, a wrong password, forbidden commands) is
    silent too: ``refusal`` says why. Wake-ups that Redis does not take go to ``announce``. A worker sets ``nearby``,
    which begins a task in its own process, or returns False.
    """

    def __init__(self, url: str | None, announce: Announce | None = None) -> None:
        self._url = url
        self._announce = announce
        self.nearby: Nearby | None = None
        self._pool: ArqRedis | None = None
        self._connecting = asyncio.Lock()
        self._silent_since: float | None = None if url else time.monotonic() - 3600
        self._last_unheard: float | None = None
        self._refusal: str | None = None
        self._absence: str | None = None

    @property
    def pool(self) -> ArqRedis | None:
        """The connection pool, or None before the first connection."""
        return self._pool

    def silent_for(self) -> timedelta:
        """Return how long Redis has not responded; zero if it responds."""
        if self._silent_since is None:
            return timedelta(0)
        return timedelta(seconds=time.monotonic() - self._silent_since)

    @property
    def refusal(self) -> str | None:
        """Why Redis refuses commands, in its own words, or None if it does not refuse."""
        return self._refusal

    @property
    def absence(self) -> str | None:
        """Why Redis cannot be reached, or None if it can be."""
        return self._absence

    @property
    def is_usable(self) -> bool:
        """Whether Redis responded when it was asked last, and refuses no command."""
        return self._refusal is None and self._silent_since is None

    async def wake(
        self, task: Task, *ids: str, job_id: str, delay: timedelta | None = None
    ) -> bool:
        """Wake a worker for ``task``: this process if it is one with room, else by Redis, else by an announcement.

        Returns False if nobody was told; then the sweep finds the work. What is due later is enqueued, or found.
        """
        if delay is None and self.nearby is not None and self.nearby(task, ids):
            return True
        if await self.ring(task, *ids, job_id=job_id, delay=delay):
            return True
        if delay is not None or self._announce is None:
            return False
        return await self._announce(task, ids)

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
        if (
            self._refusal is None
        ):  # what was refused may be another command; the next ping tries them all
            self._heard()
        return True

    async def ping(self) -> bool:
        """Return whether Redis responds now, and accepts the commands that arq needs."""
        if self._url is None:
            return False
        try:
            async with asyncio.timeout(_BUDGET_SECONDS):
                await _try_commands(await self._connected())
        except (RedisError, OSError, TimeoutError) as error:
            self._unheard(error)
            return False
        self._heard()
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

    def _heard(self) -> None:
        if self._silent_since is not None and self._last_unheard is not None:
            log.info("redis_responds")
        self._silent_since = self._refusal = self._absence = None

    def _unheard(self, error: Exception) -> None:
        """Note a failure. The first one is logged, and each other refusal."""
        self._last_unheard = time.monotonic()
        reason = _reason(error)
        refusal = reason if isinstance(error, _REFUSALS) else None
        if self._silent_since is None or (refusal is not None and refusal != self._refusal):
            event = "redis_silent" if refusal is None else "redis_refuses"
            log.warning(
                event,
                error=type(error).__name__,
                reason=reason,
                action="due work waits for the sweep of a worker",
            )
        self._refusal = refusal
        self._absence = reason if refusal is None else None
        if self._silent_since is None:
            self._silent_since = time.monotonic()


def _reason(error: Exception) -> str:
    """Return Redis's own words, without the refused command, or what is wrong with its certificate and the way out."""
    fault: BaseException | None = error
    while fault is not None:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not accepted: {fault.verify_message}. SSL_CERT_FILE names a file with the certificate of "
                "the authority that signed it"
            )
        fault = fault.__cause__ or fault.__context__
    if isinstance(error, TimeoutError):
        return f"no response within {_BUDGET_SECONDS} s"
    inner = re.search(r"caused error: \(?['\"](.*?)['\"],?\)?$", str(error))
    return (inner.group(1) if inner else str(error)) or type(error).__name__


async def _try_commands(pool: ArqRedis) -> None:
    """Run the commands of arq's queue and worker on a job that nobody sees, because all is undone in one transaction."""
    name = new_id("probe")
    job, retry = f"arq:job:{name}", f"arq:retry:{name}"
    async with pool.pipeline(transaction=True) as pipe:
        await pipe.watch(job)
        await pipe.exists(job)
        pipe.multi()  # type: ignore[no-untyped-call]
        pipe.info("server")
        pipe.dbsize()
        pipe.psetex(job, _PROBE_MILLISECONDS, b"1")
        pipe.zadd(QUEUE_NAME, {name: 0})
        pipe.zrangebyscore(QUEUE_NAME, "-inf", 0, start=0, num=1)
        pipe.zscore(QUEUE_NAME, name)
        pipe.zcard(QUEUE_NAME)
        pipe.get(job)
        pipe.incr(retry)
        pipe.expire(retry, 60)
        pipe.zrem(QUEUE_NAME, name)
        pipe.delete(job, retry)
        await pipe.execute()
