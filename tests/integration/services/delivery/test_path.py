"""The path of one batch: no file of the package is entered twice, and docs/architecture.md lists the functions."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import app.services.delivery
from app.queue import Task
from tests.flow import Flow
from tests.stepping import Hand

PACKAGE = Path(app.services.delivery.__file__).parent
DOCUMENT = Path(__file__).parents[4] / "docs" / "architecture.md"
#: The pump drives the steps: its own calls and callbacks are not counted.
PUMP = {"pump", "held", "claim_limits"}
MAPPED: dict[str, Any] = {
    "destinationMapping": {"actionId": "webhook-send", "settings": {"event": {"@path": "$.event"}}}
}


class Trace:
    """The calls of functions of the package: file, function, and the file that the call comes from."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str | None]] = []
        self._seen: list[FrameType] = []  # a frame that goes on after an await is no new call

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """Record one event of the interpreter."""
        file = file_of(frame)
        if event != "call" or file is None or any(frame is seen for seen in self._seen):
            return
        self._seen.append(frame)
        name = frame.f_code.co_qualname
        if file not in PUMP and "<" not in name:
            self.calls.append((file, name, caller_of(frame)))

    @property
    def files(self) -> list[str]:
        """The files in the order in which they are entered: calls within a file enter nothing."""
        entered = [file for file, _, caller in self.calls if caller != file]
        return [file for file, _ in groupby(entered)]

    @property
    def functions(self) -> list[str]:
        """The functions in the order of their first calls, file by file as they are entered."""
        order = self.files
        calls = dict.fromkeys((file, name) for file, name, _ in self.calls)
        return [
            f"{file}.{name}" for file, name in sorted(calls, key=lambda call: order.index(call[0]))
        ]


def file_of(frame: FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)
    return path.stem if path.parent == PACKAGE else None


def caller_of(frame: FrameType) -> str | None:
    back = frame.f_back
    while back is not None and file_of(back) is None:
        back = back.f_back
    return file_of(back) if back is not None else None


@contextmanager
def traced() -> Iterator[Trace]:
    trace = Trace()
    sys.setprofile(trace.profile)
    threading.setprofile(trace.profile)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def deliver(flow: Flow, hand: Hand, **config: Any) -> Trace:
    """Attempt one batch at the receiver, and trace that."""
    await flow.activate(resync=True, **config)
    await flow.supply({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(3))
    await hand.once(tasks=(Task.RECOMPUTE,))
    await hand.once(tasks=(Task.PLAN,))
    pump = hand._pump()
    with traced() as trace:
        await pump._claim()
        for item in pump._waiting:
            item.deadline += 60  # a busy machine must not take the time for the call
        pump._begin()
        (task,) = pump._flying
        await task
    return trace


def listed() -> list[str]:
    """The functions in the document: a step, then a file in each line, then its functions."""
    text = DOCUMENT.read_text()
    block = re.search(r"<!-- path of one batch -->\n\n```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    found: list[str] = []
    file = ""
    for line in block[1].splitlines():
        where, is_file, names = line.partition(": ")
        file = where.split()[-1] if is_file else file
        found += [f"{file}.{name.strip()}" for name in (names or line).split(",") if name.strip()]
    return found


@pytest.mark.walk
async def test_no_file_is_entered_twice_and_the_document_lists_the_path(flow: Flow) -> None:
    hand = Hand(flow)
    trace = await deliver(flow, hand, **MAPPED)
    assert len(trace.files) == len(set(trace.files)), trace.files
    assert trace.functions == listed()
    await hand.quiet()
    assert len(flow.receiver.stats()) > 0


@pytest.mark.walk
async def test_no_file_is_entered_twice_for_rows_that_nobody_maps(flow: Flow) -> None:
    trace = await deliver(flow, Hand(flow))
    assert {"plan_reader", "attempt", "record"} <= set(trace.files)
    assert len(trace.files) == len(set(trace.files)), trace.files


@pytest.mark.walk
async def test_no_file_is_entered_twice_after_a_failure(flow: Flow) -> None:
    flow.sandbox.faults.add({"kind": "status", "status": 500, "times": 1})
    trace = await deliver(flow, Hand(flow))
    assert {"undelivered", "failures"} <= set(trace.files)
    assert len(trace.files) == len(set(trace.files)), trace.files
