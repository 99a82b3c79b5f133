"""Injected faults: what an emulator does wrong, for which requests, how often and for how long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.sandbox.server import Cut, Outcome, Request, Response

KINDS: Mapping[str, tuple[str, str]] = {
    "status": (
        "Error status",
        "Responds with the status, such as 429 or 500. The request is not applied.",
    ),
    "apply_then_status": (
        "Error status, but applied",
        "Applies the request, then responds with the status. The sender cannot know that it was applied.",
    ),
    "slow": ("Delay", "Waits some seconds, then responds as usual."),
    "cut": (
        "Lost response",
        "Applies the request, then closes the connection after some bytes of the response.",
    ),
    "cut_before": ("Lost request", "Closes the connection. The request is not applied."),
    "ignore": (
        "False success",
        "Responds as if the request was applied. It is not applied.",
    ),
    "reformat": (
        "Keys in another form",
        "Returns members' keys in another case, or as numbers instead of digits.",
    ),
}
"""``{kind: (title, what it does)}``."""

#: The least and greatest value of each number.
RANGES = {
    "status": (100, 599),
    "retry_after": (0, 86_400),
    "seconds": (0, 3_600),
    "after_bytes": (0, 1_000_000_000),
    "times": (0, 1_000_000),
    "for_seconds": (0, 86_400),
    "probability": (0, 1),
}
OWN = ("started", "number")  # set here, whatever a caller sends
OPTIONAL = ("retry_after", "times", "for_seconds")
WHOLE = ("status", "after_bytes", "times")


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
    number: int = 0  # given by ``Faults``
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            whole = name in WHOLE and not isinstance(value, int)
            if not isinstance(value, int | float) or whole or not least <= value <= most:
                what = "a whole number" if name in WHOLE else "a number"
                raise ValueError(f"{name} must be {what} from {least:,g} to {most:,g}")

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
        self._count = 0
        self.used = 0

    def add(self, values: Mapping[str, Any]) -> Fault:
        """Switch on a fault with the given fields. Raises ValueError if they are not valid."""
        try:
            fault = Fault(**{name: value for name, value in values.items() if name not in OWN})
        except TypeError as error:
            raise ValueError(str(error).replace("Fault.__init__() ", "")) from error
        self._count += 1
        fault.number = self._count
        self._faults.append(fault)
        return fault

    def remove(self, number: int) -> None:
        """Switch off one fault. Nothing happens if it is off."""
        self._faults = [fault for fault in self._faults if fault.number != number]

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
