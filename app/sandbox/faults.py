"""Switchable faults: what an emulator does wrong, for which requests, how often and for how long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.sandbox.server import Answer, Cut, Outcome, Request

KINDS = {
    "status": "answer with `status` and do nothing",
    "apply_then_status": "do what was asked, then answer with `status`",
    "slow": "wait `seconds`, then answer as usual",
    "cut": "do what was asked, then break the connection after `after_bytes` of the answer",
    "cut_before": "break the connection and do nothing",
    "ignore": "answer as if it were done, and do nothing",
    "reformat": "answer with the members' keys in another form: letters of another case, numbers for digits",
}


@dataclass(slots=True)
class Fault:
    """One fault. Without ``times`` and ``for_seconds`` it stays until it is taken away."""

    kind: str
    service: str | None = None  # None: every emulator
    method: str | None = None
    path: str | None = None  # a prefix
    status: int = 500
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    seconds: float = 0.0
    after_bytes: int = 0
    times: int | None = None  # how often still
    for_seconds: float | None = None
    probability: float = 1.0
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")

    @property
    def over(self) -> bool:
        """Whether it has been used up or its time is past."""
        late = self.for_seconds is not None and time.monotonic() - self.started > self.for_seconds
        return late or self.times == 0

    def concerns(self, service: str, request: Request) -> bool:
        """Whether it is meant for this request."""
        return (
            self.service in (None, service)
            and self.method in (None, request.method)
            and (self.path is None or request.path.startswith(self.path))
        )

    def answer(self) -> Answer:
        """The faulty answer."""
        headers = {"content-type": "text/plain", **self.headers}
        if self.retry_after is not None:
            headers["retry-after"] = f"{self.retry_after:g}"
        return Answer(self.status, self.body.encode(), headers)


class Faults:
    """The faults that are switched on."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.used = 0

    def add(self, values: Mapping[str, Any]) -> Fault:
        """Switch one on; ValueError says what is wrong with it."""
        try:
            fault = Fault(**{name: value for name, value in values.items() if name != "started"})
        except TypeError as error:
            raise ValueError(str(error).replace("Fault.__init__() ", "")) from error
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Those that are on."""
        self._faults = [fault for fault in self._faults if not fault.over]
        return [asdict(fault) for fault in self._faults]

    def take(self, service: str, request: Request) -> Fault | None:
        """The fault for this request, counted as used; None mostly."""
        if not self._faults:
            return None
        self._faults = [fault for fault in self._faults if not fault.over]
        for fault in self._faults:
            if fault.concerns(service, request) and self._random.random() < fault.probability:
                self.used += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


def with_fault(
    fault: Fault, request: Request, handle: Callable[[Request], Answer]
) -> Outcome | Awaitable[Outcome]:
    """Answer a request under a fault."""
    match fault.kind:
        case "status":
            outcome: Outcome = fault.answer()
        case "apply_then_status":
            handle(request)
            outcome = fault.answer()
        case "cut":
            outcome = Cut(handle(request), fault.after_bytes)
        case "cut_before":
            outcome = Cut(Answer(), 0)
        case "ignore":
            request.ignore = True
            outcome = handle(request)
        case "reformat":
            request.reformat = True
            outcome = handle(request)
        case _:
            return _slow(fault, request, handle)
    return _delayed(outcome, fault.seconds) if fault.seconds else outcome


async def _slow(fault: Fault, request: Request, handle: Callable[[Request], Answer]) -> Outcome:
    await asyncio.sleep(fault.seconds)
    return handle(request)


async def _delayed(outcome: Outcome, seconds: float) -> Outcome:
    await asyncio.sleep(seconds)
    return outcome
