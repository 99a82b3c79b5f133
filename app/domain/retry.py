"""After an attempt: try again, when, or give up. A decision is a value; nothing here waits or writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

LONGEST_REQUESTED_WAIT = timedelta(hours=1)  # R21: what a partner may ask for
WHOLE_REFUSALS = 3  # R12: tries of a batch that is refused whole, naming nobody
JITTER = 0.2
FIRST_PATIENCE = timedelta(minutes=1)
LONGEST_PATIENCE = timedelta(hours=1)

BREAKER_WINDOW = timedelta(minutes=5)
BREAKER_SAMPLE = 20
BREAKER_SHARE = 0.7
BREAKER_FIRST = timedelta(seconds=60)
BREAKER_LONGEST = timedelta(minutes=15)


class Failure(StrEnum):
    """How an attempt failed."""

    THROTTLED = "throttled"  # refused before processing
    FAILED = "failed"  # certain not to have been applied
    UNKNOWN = "unknown"  # may have been applied
    REFUSED = "refused"  # the whole batch, naming nobody
    UNAUTHORIZED = "unauthorized"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with the batch.

    ``wait`` until the next try. ``pause_activation``: nothing will get better until somebody acts.
    ``pause_account``: the same, for everything that uses the account.
    """

    wait: timedelta
    ambiguous: bool = False
    pause_activation: bool = False
    pause_account: bool = False


def after_failure(
    failure: Failure,
    *,
    attempts: int,
    refusals: int,
    waits: Sequence[timedelta],
    requested: timedelta | None,
    chance: float,
) -> Verdict:
    """The verdict on an attempt; ``attempts`` and ``refusals`` count it, ``chance`` in [0, 1) spreads the waits."""
    wait = backoff(attempts, waits, chance)
    if requested is not None:
        wait = max(min(requested, LONGEST_REQUESTED_WAIT), timedelta(0)) + wait * JITTER
    match failure:
        case Failure.THROTTLED | Failure.FAILED:
            return Verdict(wait)
        case Failure.UNKNOWN:
            return Verdict(wait, ambiguous=True)
        case Failure.REFUSED:
            return Verdict(wait, pause_activation=refusals >= WHOLE_REFUSALS)
        case Failure.MISCONFIGURED:
            return Verdict(wait, pause_activation=True)
        case Failure.UNAUTHORIZED:
            return Verdict(wait, pause_account=True)


def backoff(attempts: int, waits: Sequence[timedelta], chance: float) -> timedelta:
    """The wait after the given number of attempts (from 1), 20 % more or less."""
    base = waits[min(max(attempts, 1), len(waits)) - 1]
    return base * (1 - JITTER + 2 * JITTER * chance)


def patience(failing_for: timedelta) -> timedelta:
    """How long to leave alone what has failed for good and is wanted still: as long again, a minute to an hour."""
    return min(max(failing_for, FIRST_PATIENCE), LONGEST_PATIENCE)


def breaker_trips(total: int, failed: int) -> bool:
    """Whether an account's recent attempts are bad enough to leave it alone for a while (R22)."""
    return total >= BREAKER_SAMPLE and failed >= BREAKER_SHARE * total


def breaker_pause(openings: int) -> timedelta:
    """How long the breaker stays open the n-th time in a row, from 1."""
    doublings = min(max(openings, 1) - 1, 10)
    return min(BREAKER_FIRST * (1 << doublings), BREAKER_LONGEST)
