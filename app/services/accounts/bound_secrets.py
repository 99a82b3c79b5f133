"""Secrets bound to their target: changing a setting that decides the target requires the secrets to be entered again."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from app.core.errors import Problem


def first_moved(former: BaseModel, now: BaseModel, names: Iterable[str]) -> str | None:
    """Return the first of the named settings whose value changed, or None."""
    return next((name for name in names if getattr(former, name) != getattr(now, name)), None)


def secret_required(secret: str, changed: str) -> Problem:
    """Return the problem of a secret that was not entered again although its target changed."""
    words = f"enter it again, because {changed} changes where it is sent"
    return Problem(f'"{secret}": {words}', secret)
