"""Logs: structlog, one constant event name and its fields."""

from __future__ import annotations

from typing import Any

import structlog


def get_logger(name: str) -> Any:
    """A logger bound to the module's name."""
    return structlog.get_logger(name)
