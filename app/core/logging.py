"""Logging: one JSON line per event on stderr, with a constant event name, fields, and no secrets.

All logs are written in this form: those of structlog, and those that uvicorn, arq and other libraries write with the
standard library. Bind ``correlation_id``, ``space_id`` and ``sync_id`` once with ``log_context``; tasks inherit them.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.core.config import Settings
from app.core.redaction import Redactor, SecretRegistry

_registry = SecretRegistry()
_redactor = Redactor(_registry)
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# Libraries that install their own handlers.
_LIBRARIES = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "arq", "asyncio")
# Libraries that log too much at "info": their minimum level.
_MIN_LEVELS = {
    "alembic.runtime.plugins": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "botocore": logging.WARNING,
}


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger that adds the name of the module to its events."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def register_secret(value: str) -> None:
    """Mask a secret value in every later log line of this process."""
    _registry.add(value)


def log_context(**fields: Any) -> AbstractContextManager[Any]:
    """Bind fields to every event inside a ``with`` block, in this task and in tasks that it starts."""
    return structlog.contextvars.bound_contextvars(**fields)


def correlation_id(from_client: str | None = None) -> str:
    """Return the id that the client sent if it is harmless, else a new one (R42)."""
    if from_client and _CLIENT_ID.fullmatch(from_client):
        return from_client
    return secrets.token_hex(8)


def clean_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask, escape and cut every field; the last processor before rendering.

    Returns ``{field: value}`` with the keys of ``event``; names that begin with an underscore pass unchanged.
    """
    cleaned: MutableMapping[str, Any] = {}
    for name, value in event.items():
        if name.startswith("_"):
            cleaned[name] = value
        elif name in ("exception", "stack") and isinstance(value, str):
            cleaned[name] = _redactor.text(value, keep_lines=True, keep_end=True)
        else:
            cleaned[_redactor.text(name)] = _redactor.field(name, value)
    return cleaned


def _drop_colours(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn adds a coloured copy of its message
    return event


def _as_json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _renderer(log_format: str) -> Processor:
    if log_format == "console":
        return structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(serializer=_as_json)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    get_logger("app").critical("uncaught_exception", exc_info=(kind, error, trace))


def configure_logging(settings: Settings) -> None:
    """Send all logs of this process to stderr, in the format and from the level of the settings.

    Also registers the encryption keys and the token pepper as secrets.
    """
    for secret in (settings.encryption_keys, settings.token_pepper):
        for part in secret.get_secret_value().split(",") if secret else ():
            register_secret(part.strip())
            register_secret(part.partition(":")[2].strip())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder(), _drop_colours],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            clean_event,
            _renderer(settings.log_format),
        ],
    )
    _take_over_standard_logging(formatter, settings.log_level)
    sys.excepthook = _log_uncaught


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to the current ``sys.stderr``, which may be replaced after the handler was created."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _take_over_standard_logging(formatter: logging.Formatter, level: str) -> None:
    handler = _StandardError()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for former in list(root.handlers):
        if type(former) in (logging.StreamHandler, _StandardError):
            root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name, least in _MIN_LEVELS.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(True)
