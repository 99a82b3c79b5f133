"""Named points in the service's code at which a process is killed or stopped.

A point is armed by a file ``NAME.kill`` or ``NAME.stop`` in the folder of points. The first process that reaches the point renames
the file to ``NAME.kill.PID``, so that exactly one process is hit, and signals itself.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(frozen=True)
class Point:
    """A point before or after an asynchronous function, by the module that calls it."""

    name: str
    module: str
    function: str
    after: bool = False
    kind: str = "worker"
    of: Callable[..., bool] | None = None  # calls with other arguments do not count


def _is_patch(_: Any, work: Any, *__: Any) -> bool:
    return bool(work.run.kind == "patch")


POINTS = (
    # Claimed and written ahead, nothing sent
    Point("claimed", "app.services.delivery.pump", "Pump._claimed", after=True),
    # The partner has answered, nothing recorded
    Point("answered", "app.services.delivery.record", "Recorder.write"),
    # Recorded, but the transaction is open
    Point("recorded", "app.storage.repositories.batches", "BatchRepository.record", after=True),
    # Files are stored, no row names them
    Point("plan_stored", "app.services.planning.plan", "store_plan"),
    Point("folded", "app.services.syncs.settle", "_commit"),
    Point("snapshot_stored", "app.services.audiences.recompute", "_make_current"),
    Point("patch_stored", "app.services.audiences.recompute", "_make_current", of=_is_patch),
    # The transaction is committed, what follows it is not done
    Point("planned", "app.services.planning.plan", "store_plan", after=True),
    Point("settled", "app.services.syncs.settle", "_commit", after=True),
    Point("snapshot_current", "app.services.audiences.recompute", "_make_current", after=True),
    Point("upload_stored", "app.services.audiences.member_uploads", "_store", True, "api"),
    Point("upload_accepted", "app.services.audiences", "put_members", True, "api"),
)
#: Points of an erasure, whose histories are not those of deliveries.
ERASURE_POINTS = (
    Point("erasure_named", "app.services.erasure.passes", "_complete_names", after=True),
    Point("erasure_stored", "app.services.erasure.files", "Rewriting._switch"),
    Point("erasure_switched", "app.services.erasure.files", "Rewriting._switch", after=True),
    Point("erasure_exits", "app.services.erasure.passes", "send_exits", after=True),
    # The exported file is stored, its manifest is that of the old one
    Point("erasure_exported", "app.services.erasure.exports", "_fit_manifest"),
    Point("erasure_searched", "app.services.erasure.passes", "search_columns", after=True),
    Point("erasure_deleted", "app.services.erasure.passes", "delete_unnamed", after=True),
)
#: Points at which a process holds a lease, so that it loses it when it stops there.
LEASED = ("claimed", "answered", "plan_stored", "folded", "snapshot_stored", "patch_stored")


def owner_of(module: str, function: str) -> tuple[Any, str]:
    """Return the module or class that has a function, and the function's name there. Raises AttributeError."""
    owner: Any = importlib.import_module(module)
    *classes, name = function.split(".")
    for part in classes:
        owner = getattr(owner, part)
    getattr(owner, name)
    return owner, name


def install(folder: Path, kind: str) -> None:
    """Make the functions of all points of a kind of process look whether their point is armed."""
    for point in (*POINTS, *ERASURE_POINTS):
        if point.kind == kind:
            owner, name = owner_of(point.module, point.function)
            setattr(owner, name, _watched(point, folder, getattr(owner, name)))


def _watched(
    point: Point, folder: Path, function: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(function)
    async def watched(*arguments: Any, **options: Any) -> Any:
        if point.of is not None and not point.of(*arguments):
            return await function(*arguments, **options)
        if not point.after:
            _hit(point.name, folder)
            return await function(*arguments, **options)
        result = await function(*arguments, **options)
        if result != []:  # a claim of nothing holds nothing
            _hit(point.name, folder)
        return result

    return watched


def _hit(name: str, folder: Path) -> None:
    for action, number in SIGNALS.items():
        armed = folder / f"{name}.{action}"
        if armed.exists():
            try:
                armed.rename(folder / f"{armed.name}.{os.getpid()}")
            except FileNotFoundError:
                continue
            os.kill(os.getpid(), number)
