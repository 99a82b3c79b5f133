"""Division of a call that a partner refuses, or confirms only in part, down to the rows that are the cause."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from app.connectors.base import Pending, Refusal
from app.connectors.errors import BudgetSpent, PayloadRejected

DIVISIBLE = (400, 413, 422)  # statuses that may concern a part of the rows, or their number
STEP_CALLS = 24  # between two stored handles
FEW_REFUSALS = 3  # refused calls that may name all rows of a call, one by one


@dataclass(frozen=True, slots=True)
class Reply:
    """What the partner said to one part.

    ``refused`` are the rows that it names, by position in the part. All others were delivered, unless ``error`` (they
    were refused too) or ``unknown`` (they may have been applied) says otherwise. ``divide``: sending less tells more.
    ``said`` is the refusal of a row that is refused alone.
    """

    refused: Mapping[int, Refusal] = field(default_factory=dict)
    error: PayloadRejected | None = None
    said: Refusal | None = None
    unknown: Refusal | None = None
    divide: bool = False


Send: TypeAlias = Callable[[Sequence[int]], Awaitable[Reply]]


@dataclass(slots=True)
class Division:
    """The rows 0 to ``rows`` of a call, sent in parts of at most ``size``.

    A refused part is halved until single rows are refused. These are rejected if other rows of the call pass; if none
    passes, the rows are not the cause, and the last refusal is raised. A number of calls that is bounded by the rows is
    made, with a stored handle in between: so that a failure does not start the search again.
    """

    rows: int
    size: int
    send: Send
    rejected: dict[int, Refusal] = field(default_factory=dict)
    unknown: dict[int, Refusal] = field(default_factory=dict)
    _alone: dict[int, Refusal] = field(default_factory=dict)  # refused without others
    _todo: list[tuple[int, int]] = field(
        default_factory=list
    )  # first and end of parts, the next one last
    _passed: bool = False
    _refusals: int = 0
    _error: PayloadRejected | None = None

    def __post_init__(self) -> None:
        self._todo = [(0, self.rows)] if self.rows else []

    def _take_up(self, handle: Mapping[str, Any]) -> None:
        self._todo = [(int(first), int(end)) for first, end in handle["todo"]]
        self._passed, self._refusals = bool(handle["passed"]), int(handle["refusals"])
        for name in ("rejected", "unknown", "alone"):
            kept = {int(row): Refusal(*said) for row, said in handle[name].items()}
            getattr(self, "_alone" if name == "alone" else name).update(kept)

    async def run(self, handle: Mapping[str, Any] | None = None) -> Pending | None:
        """Send what is left, from the beginning or from a handle of an earlier run. Returns None at the end, or Pending before it.

        Raises a ConnectorError if a call fails, or if everything is refused.
        """
        if handle is not None:
            self._take_up(handle)
        for call in range(STEP_CALLS):
            if not self._todo:
                break
            try:
                await self._next()
            except BudgetSpent as error:
                if not call:
                    raise
                return self._pending(error.retry_after or timedelta(seconds=1))
        if self._todo:
            return self._pending(timedelta(0))
        self._judge()
        return None

    async def _next(self) -> None:
        first, end = self._todo[-1]
        if end - first > self.size:
            self._todo[-1:] = [(first + self.size, end), (first, first + self.size)]
            first, end = self._todo[-1]
        part = [row for row in range(first, end) if row not in self.rejected]
        reply = await self.send(part) if part else Reply()
        self._todo.pop()
        self.rejected.update({part[n]: refusal for n, refusal in reply.refused.items()})
        rest = [row for row in part if row not in self.rejected]
        if reply.error is not None:
            self._refusals += 1
            self._refused(first, end, rest, reply, reply.error)
        elif reply.unknown is not None and reply.divide and len(rest) > 1:
            self._halve(first, end, rest)
        elif reply.unknown is not None:
            self.unknown.update(dict.fromkeys(rest, reply.unknown))
        elif rest:
            self._passed = True

    def _refused(
        self, first: int, end: int, rest: Sequence[int], reply: Reply, error: PayloadRejected
    ) -> None:
        self._error = error
        if reply.refused:
            if rest:
                self._todo.append((first, end))
        elif len(rest) > 1:
            self._halve(first, end, rest)
        else:
            said = reply.said or Refusal(error.code, error.message)
            self._alone.update(dict.fromkeys(rest, said))
        if (
            not self._passed
            and self._refusals > 4 + 2 * self.rows.bit_length()
            and not self.rejected
        ):
            raise error

    def _halve(self, first: int, end: int, rest: Sequence[int]) -> None:
        middle = rest[len(rest) // 2]
        self._todo += [(middle, end), (first, middle)]

    def _judge(self) -> None:
        """Reject the rows that were refused alone if others passed."""
        everything = self._alone or self._refusals > FEW_REFUSALS
        if everything and not self._passed and self._refusals:
            raise self._error or PayloadRejected(next(iter(self._alone.values())).message)
        self.rejected.update(self._alone)

    def _pending(self, wait: timedelta) -> Pending:
        kept = {"rejected": self.rejected, "unknown": self.unknown, "alone": self._alone}
        said = {
            name: {str(row): [one.code, one.message, one.pointer] for row, one in fates.items()}
            for name, fates in kept.items()
        }
        todo = [[first, end] for first, end in self._todo]
        facts = {"todo": todo, "passed": self._passed, "refusals": self._refusals}
        return Pending({**facts, **said}, wait)
