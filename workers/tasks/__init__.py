"""The arq tasks: each takes ids and calls one service. The sweep calls the tasks too."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from app.queue import Task
from workers.tasks.ask import ask
from workers.tasks.beat import beat
from workers.tasks.deliver import deliver
from workers.tasks.erase import erase
from workers.tasks.notify import notify
from workers.tasks.plan import plan
from workers.tasks.preview import preview
from workers.tasks.recompute import recompute
from workers.tasks.settle import settle

TaskFunction = Callable[..., Coroutine[Any, Any, None]]

TASKS: Mapping[Task, TaskFunction] = {
    Task.RECOMPUTE: recompute,
    Task.PREVIEW: preview,
    Task.PLAN: plan,
    Task.DELIVER: deliver,
    Task.SETTLE: settle,
    Task.NOTIFY: notify,
    Task.ERASE: erase,
    Task.ASK: ask,
    Task.BEAT: beat,
}
