"""Rules for failed attempts: exponential backoff, pausing, and the circuit breaker. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

LONGEST_REQUESTED_WAIT = timedelta(hours=1)  # R21: the longest wait that a partner may request
WHOLE_REFUSALS = 3  # R12: attempts of a batch that is refused as a whole, or that nothing confirms
LASTING_REDIRECT = timedelta(minutes=10)  # R21: then a permanent redirect is an error
ACCEPTS_WINDOW = timedelta(hours=1)  # in which an account must have accepted another change
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
    FAILED = "failed"  # certainly not applied
    UNKNOWN = "unknown"  # may have been applied
    REFUSED = "refused"  # the batch as a whole, without naming rows
    UNAUTHORIZED = "unauthorized"
    MISCONFIGURED = "misconfigured"
    MOVED = "moved"  # a permanent redirect
    UNCONFIRMED = "unconfirmed"  # the status is a success, and the response confirms nothing


class AttemptOutcome(StrEnum):
    """How an attempt ended without a failure. The column ``attempt.outcome`` holds this or a :class:`Failure`."""

    DELIVERED = "delivered"  # the partner accepted the batch; single rows may have been refused
    PART = "part"  # a part of the calls of the batch was made, and the rest follows
    PENDING = "pending"  # the partner accepted the batch as a job, which has not ended
    BUDGET = "budget"  # not sent: the rate budget of the account was used up
    GIVEN_UP = "given_up"  # not sent: the attempts before it ended their workers
    UNLOADABLE = "unloadable"  # not sent: the rows of the batch could not be loaded


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after a failed attempt.

    ``wait`` is the time until the next attempt. ``ambiguous``: the batch may have been applied. ``pause_activation``:
    a user must fix something first. ``pause_account``: pause all activations that use the account. ``give_up``: do not
    try again; what became of the changes stays unknown.
    """

    wait: timedelta
    ambiguous: bool = False
    pause_activation: bool = False
    pause_account: bool = False
    give_up: bool = False


def after_failure(
    failure: Failure,
    *,
    attempts: int,
    refusals: int,
    waits: Sequence[timedelta],
    requested: timedelta | None,
    chance: float,
    failing_for: timedelta = timedelta(0),
) -> Verdict:
    """Return the verdict on a failed attempt.

    ``attempts`` and ``refusals`` include this attempt. ``failing_for`` is how long the batch has been failing. ``requested`` is the wait that the partner asked for. ``chance``
    is a random number in [0, 1), which adds jitter.
    """
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
        case Failure.UNCONFIRMED:
            return Verdict(wait, ambiguous=True, give_up=refusals >= WHOLE_REFUSALS)
        case Failure.MOVED:
            return Verdict(wait, pause_activation=failing_for >= LASTING_REDIRECT)
        case Failure.MISCONFIGURED:
            return Verdict(wait, pause_activation=True)
        case Failure.UNAUTHORIZED:
            return Verdict(wait, pause_account=True)


def backoff(attempts: int, waits: Sequence[timedelta], chance: float) -> timedelta:
    """Return the wait after the given number of attempts (from 1), with 20 % jitter."""
    base = waits[min(max(attempts, 1), len(waits)) - 1]
    return base * (1 - JITTER + 2 * JITTER * chance)


def patience(failing_for: timedelta) -> timedelta:
    """Return the wait before failed work is tried again: as long as it has been failing, from a minute to an hour."""
    return min(max(failing_for, FIRST_PATIENCE), LONGEST_PATIENCE)


def breaker_trips(total: int, failed: int) -> bool:
    """Return whether the circuit breaker of an account opens, given its recent attempts (R22)."""
    return total >= BREAKER_SAMPLE and failed >= BREAKER_SHARE * total


def breaker_pause(openings: int) -> timedelta:
    """Return how long the breaker stays open, the n-th time in a row (from 1)."""
    doublings = min(max(openings, 1) - 1, 10)
    return min(BREAKER_FIRST * (1 << doublings), BREAKER_LONGEST)
