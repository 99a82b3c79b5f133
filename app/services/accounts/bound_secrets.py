"""A stored secret goes only to where it was given for: who changes where it goes gives it again."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from app.core.errors import Problem


def first_moved(former: BaseModel, now: BaseModel, names: Iterable[str]) -> str | None:
    """The first of some settings that has another value now; None where all stayed."""
    return next((name for name in names if getattr(former, name) != getattr(now, name)), None)


def secret_required(secret: str, changed: str) -> Problem:
    """The fault of a secret that is kept while something changes that says where it goes."""
    words = f"give it again where {changed} changes: it goes only to where it was given for"
    return Problem(f'"{secret}": {words}', secret)
