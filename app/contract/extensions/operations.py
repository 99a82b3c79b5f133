"""Bodies of the state of the installation."""

from __future__ import annotations

from typing import Annotated, Literal

from app.contract.extensions.base import Output, Time
from app.core.described import about


class PartsOutput(Output):
    """The parts that the service needs, and whether each works."""

    database: Annotated[bool, about("Whether the database responds.", True)]
    migrations: Annotated[bool, about("Whether the database has the newest migration.", True)]
    store: Annotated[bool, about("Whether the object store can be used.", True)]
    redis: Annotated[
        bool, about("Whether Redis responds. Without it, PostgreSQL announces due work.", True)
    ]


class WorkerOutput(Output):
    """A worker that has reported."""

    id: Annotated[str, about("Id of the worker.", "wrk_0vK3nB7QmX2dW9sH5gKfPv")]
    live: Annotated[bool, about("Whether its heartbeat is fresh.", True)]
    host: Annotated[str, about("Name of its machine.", "worker-1")]
    pid: Annotated[int, about("Id of its process.", 4711)]
    version: Annotated[str, about("Its version of the service.", "0.1.0")]
    lane: Annotated[
        str,
        about(
            "How the heartbeat came: `arq` by the worker's queue loop, `sweep` without Redis.",
            "arq",
        ),
    ]
    started_at: Annotated[Time, about("When it started, in RFC 3339.", "2026-01-31T12:00:00.000Z")]
    beat_at: Annotated[Time, about("Its last heartbeat, in RFC 3339.", "2026-01-31T12:00:00.000Z")]


class QueueOutput(Output):
    """Work that is due now, by kind. Each is counted up to 1000."""

    runs: Annotated[int, about("Audiences to be computed.", 0)]
    plans: Annotated[int, about("Syncs to be planned.", 2)]
    deliveries: Annotated[int, about("Syncs with a batch that can be sent.", 1)]
    settlements: Annotated[int, about("Syncs whose results are to be recorded.", 0)]
    previews: Annotated[int, about("Previews to be computed.", 0)]
    notices: Annotated[int, about("Notices to be sent.", 0)]


class LimitOutput(Output):
    """A setting that limits something."""

    setting: Annotated[
        str, about("Its name in the environment.", "ACTIVATIONS_DELIVERY_CONCURRENCY")
    ]
    value: Annotated[str, about("Its value in this process of the API.", "32")]
    unit: Annotated[
        Literal["", "bytes", "seconds"],
        about("Unit of the value; empty for numbers and words.", ""),
    ]
    meaning: Annotated[str, about("What it limits.", "Calls to partners at once in one worker")]


class MailOutput(Output):
    """How mail is sent."""

    configured: Annotated[bool, about("Whether `ACTIVATIONS_SMTP_URL` is set.", True)]
    server: Annotated[str | None, about("Host of the mail server.", "smtp.example.com")]
    sender: Annotated[str, about("Sender of the mails.", "activations@example.com")]


class OperationsOutput(Output):
    """The state of the installation."""

    version: Annotated[str, about("Version of this process of the API.", "0.1.0")]
    ready: Annotated[bool, about("Whether requests can be served.", True)]
    parts: Annotated[PartsOutput, about("The parts that the service needs.")]
    reasons: Annotated[
        dict[str, str],
        about(
            "Why a part does not work, by part.",
            {"redis": "Redis does not respond"},
        ),
    ]
    migration: Annotated[str | None, about("The migration of the database.", "0017")]
    newest_migration: Annotated[str, about("The newest migration of this version.", "0017")]
    store: Annotated[
        str, about("Where the object store is, without credentials.", "s3://bucket/prefix")
    ]
    oldest_due_seconds: Annotated[
        float | None,
        about(
            "For how long the oldest due run, plan or batch has waited; 0 if nothing is due.", 0.4
        ),
    ]
    wake_ups: Annotated[
        Literal["redis", "postgresql"], about("How workers learn of due work at once.", "redis")
    ]
    workers: Annotated[
        list[WorkerOutput],
        about("Up to 100 workers, the last heartbeat first. Silent ones are listed for a week."),
    ]
    queue: Annotated[QueueOutput, about("Work that is due now.")]
    limits: Annotated[list[LimitOutput], about("Settings that limit something.")]
    mail: Annotated[MailOutput, about("How mail is sent.")]


class OperationsData(Output):
    """The state of the installation."""

    operations: Annotated[OperationsOutput, about("The state of the installation.")]
