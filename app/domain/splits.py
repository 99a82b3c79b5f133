"""Splits: which arm a profile belongs to, by weighted rendezvous hashing; the same in Python and in SQL.

Every arm draws a number for the profile from a keyed hash of seed, arm name and profile id, weighs it, and the largest
wins. So an assignment depends on nothing but these: it is stable for ever, an arm that is added takes only what it
wins from the others, one that is taken away gives up only its own, and a changed weight moves no more than it must.
A renamed arm is another arm.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

_BITS = 52  # a double holds the drawn number exactly


def score(seed: str, arm: str, weight: float, profile_id: str) -> float:
    """What an arm bids for a profile; above 0 where the weight is."""
    digest = hashlib.md5(_text(seed, arm, profile_id).encode(), usedforsecurity=False).hexdigest()
    drawn = (int(digest[: _BITS // 4], 16) + 0.5) / 2**_BITS
    return -weight / math.log(drawn)


def assign(seed: str, arms: Sequence[tuple[str, float]], profile_id: str) -> str | None:
    """The arm of a profile among (name, weight); None where no arm has a weight. Ties go to the first."""
    bids = [(score(seed, name, weight, profile_id), name) for name, weight in arms if weight > 0]
    return max(bids, key=lambda bid: bid[0])[1] if bids else None


def assign_sql(seed: str, arms: Sequence[tuple[str, float]], profile_id: str) -> str:
    """The same as an expression over an SQL text expression for the profile id."""
    weighty = [(name, weight) for name, weight in arms if weight > 0]
    if not weighty:
        return "NULL"
    if len(weighty) == 1:
        return _quoted(weighty[0][0])
    bids = ", ".join(_score_sql(seed, name, weight, profile_id) for name, weight in weighty)
    names = ", ".join(_quoted(name) for name, _ in weighty)
    return f"list_extract([{names}], list_position([{bids}], greatest({bids})))"


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
