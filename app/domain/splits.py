"""Splits: assignment of profiles to arms by weighted rendezvous hashing, in Python and as SQL of the engine.

The score of an arm for a profile is a hash of seed, arm name and profile id, scaled by the weight of the arm. The arm
with the highest score wins. An assignment depends on nothing else, so it never changes by chance: an added arm only
takes profiles, a removed arm only gives up its profiles, and a changed weight moves as few profiles as possible. A
renamed arm counts as another arm.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

_BITS = 52  # a double holds the drawn number exactly


def score(seed: str, arm: str, weight: float, profile_id: str) -> float:
    """Return the score of an arm for a profile: a positive number if the weight is positive."""
    digest = hashlib.md5(_text(seed, arm, profile_id).encode(), usedforsecurity=False).hexdigest()
    drawn = (int(digest[: _BITS // 4], 16) + 0.5) / 2**_BITS
    return -weight / math.log(drawn)


def assign(seed: str, arms: Sequence[tuple[str, float]], profile_id: str) -> str | None:
    """Return the arm of a profile among ``(name, weight)`` pairs. Ties go to the first. None if no weight is positive."""
    scores = [(score(seed, name, weight, profile_id), name) for name, weight in arms if weight > 0]
    return max(scores, key=lambda scored: scored[0])[1] if scores else None


def assign_sql(seed: str, arms: Sequence[tuple[str, float]], profile_id: str) -> str:
    """Return SQL for the arm that :func:`assign` returns; ``profile_id`` is an SQL text expression."""
    weighty = [(name, weight) for name, weight in arms if weight > 0]
    if not weighty:
        return "NULL"
    if len(weighty) == 1:
        return _quoted(weighty[0][0])
    scores = ", ".join(_score_sql(seed, name, weight, profile_id) for name, weight in weighty)
    names = ", ".join(_quoted(name) for name, _ in weighty)
    return f"list_extract([{names}], list_position([{scores}], greatest({scores})))"


def _score_sql(seed: str, arm: str, weight: float, profile_id: str) -> str:
    text = f"concat({_quoted(_text(seed, arm, ''))}, {profile_id})"
    drawn = (
        f"(CAST('0x' || left(md5({text}), {_BITS // 4}) AS BIGINT) + 0.5) / {2**_BITS}.0::DOUBLE"
    )
    return f"(-{weight!r}::DOUBLE / ln({drawn}))"


def _text(seed: str, arm: str, profile_id: str) -> str:
    return f"{len(seed)}:{seed}{len(arm)}:{arm}{profile_id}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
