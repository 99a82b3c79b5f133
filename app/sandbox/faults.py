"""Injected faults: what an emulator does wrong, for which requests, how often and for how long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.sandbox.server import Cut, Outcome, Request, Response

KINDS = {
    "status": "respond with `status` without applying the request",
    "apply_then_status": "apply the request, then respond with `status`",
    "slow": "wait `seconds`, then respond as usual",
    "cut": "apply the request, then close the connection after `after_bytes` of the response",
    "cut_before": "close the connection without applying the request",
    "ignore": "respond as if the request was applied, without applying it",
    "reformat": "respond with members' keys in another form: changed case, or numbers instead of digits",
}


@dataclass(slots=True)
class Fault:
    """One fault. Without ``times`` and ``for_seconds`` it stays on until it is removed."""

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
    times: int | None = None  # remaining uses
    for_seconds: float | None = None
    probability: float = 1.0
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")

    @property
    def over(self) -> bool:
        """Whether the fault has been used up or has expired."""
        late = self.for_seconds is not None and time.monotonic() - self.started > self.for_seconds
        return late or self.times == 0

    def concerns(self, service: str, request: Request) -> bool:
        """Check whether the fault applies to a request to an emulator."""
        return (
            self.service in (None, service)
            and self.method in (None, request.method)
            and (self.path is None or request.path.startswith(self.path))
        )

    def response(self) -> Response:
        """Return the response with the fault's status, body and headers."""
        headers = {"content-type": "text/plain", **self.headers}
        if self.retry_after is not None:
            headers["retry-after"] = f"{self.retry_after:g}"
        return Response(self.status, self.body.encode(), headers)


class Faults:
    """The faults that are switched on."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.used = 0

    def add(self, values: Mapping[str, Any]) -> Fault:
        """Switch on a fault with the given fields. Raises ValueError if they are not valid."""
        try:
            fault = Fault(**{name: value for name, value in values.items() if name != "started"})
        except TypeError as error:
            raise ValueError(str(error).replace("Fault.__init__() ", "")) from error
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch off all faults."""
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return the fields of each fault that is switched on, as ``{field: value}`` each."""
        self._faults = [fault for fault in self._faults if not fault.over]
        return [asdict(fault) for fault in self._faults]

    def take(self, service: str, request: Request) -> Fault | None:
        """Return the fault that applies to a request, and count one use. Returns None if there is none."""
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
    fault: Fault, request: Request, handle: Callable[[Request], Response]
) -> Outcome | Awaitable[Outcome]:
    """Handle a request with a fault."""
    match fault.kind:
        case "status":
            outcome: Outcome = fault.response()
        case "apply_then_status":
            handle(request)
            outcome = fault.response()
        case "cut":
            outcome = Cut(handle(request), fault.after_bytes)
        case "cut_before":
            outcome = Cut(Response(), 0)
        case "ignore":
            request.ignore = True
            outcome = handle(request)
        case "reformat":
            request.reformat = True
            outcome = handle(request)
        case _:
            return _slow(fault, request, handle)
    return _delayed(outcome, fault.seconds) if fault.seconds else outcome


async def _slow(fault: Fault, request: Request, handle: Callable[[Request], Response]) -> Outcome:
    await asyncio.sleep(fault.seconds)
    return handle(request)


async def _delayed(outcome: Outcome, seconds: float) -> Outcome:
    await asyncio.sleep(seconds)
    return outcome
