"""Names and types of a definition, resolved over the columns of its datasets when it is saved. Nothing is run.

A child does it, as for each query of a user: to find the type of a call, the engine may compute its constant arguments.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from app.core.logging import get_logger
from app.core.suggestions import listed
from app.domain.column_names import matching
from app.processes import Child, ChildEnded, ChildFailed, FairSlots, Job, Limits, run_in_thread
from app.snapshots.definitions import binding_child
from app.snapshots.definitions.engine_faults import fault_of
from app.snapshots.definitions.syntax import without_semicolon

log = get_logger(__name__)

Tables = Mapping[str, Sequence[tuple[str, str]]]
"""Name and type of each column, by table."""

_LIMITS = Limits(data_bytes=256 * 1024**2, seconds=5, file_bytes=0, files=64)
_DEADLINE = timedelta(seconds=10)
_ANSWER = 4 * 1024**2  # bytes
_NO_IDS = re.compile(
    r"FLOAT|DOUBLE|BOOLEAN|DATE|TIMESTAMP|DECIMAL\(\d+,(?!0\))|STRUCT|MAP|UNION|.*\]\Z"
)
_REMEMBERED = 256
_STOPPED_FOR = 60.0  # seconds for which a query is not tried again whose child was stopped


@dataclass(frozen=True, slots=True)
class Binding:
    """What was found: the columns of the result with their types, or a fault. Neither, if it cannot be told."""

    columns: Mapping[str, str] | None = None
    fault: str | None = None


class _Memory:
    """The bindings of the newest queries. Equal queries over equal columns have equal ones."""

    def __init__(self) -> None:
        self.slots = FairSlots(2)
        self._found: OrderedDict[Any, tuple[Binding, float]] = OrderedDict()

    def get(self, key: Any) -> Binding | None:
        binding, until = self._found.get(key, (None, 0.0))
        if binding is None or time.monotonic() >= until:
            return None
        self._found.move_to_end(key)
        return binding

    def add(self, key: Any, binding: Binding, seconds: float = math.inf) -> Binding:
        self._found[key] = binding, time.monotonic() + seconds
        self._found.move_to_end(key)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return binding


_MEMORY = _Memory()


async def bind_definition(sql: str, tables: Tables, *, owner: str) -> Binding:
    """Resolve the names of a definition that ``check_definition`` accepts. ``owner`` is the space, for fair turns.

    ``tables`` are those that it reads. Returns an empty binding, and logs, if the child was stopped.
    """
    key = (sql, orjson.dumps(tables))
    if (known := _MEMORY.get(key)) is not None:
        return known
    job = Job(
        f"{binding_child.__name__}:{binding_child.bind_job.__name__}",
        {"sql": without_semicolon(sql), "tables": dict(tables)},
        _LIMITS,
    )
    try:
        async with _MEMORY.slots.slot(owner):
            answer = orjson.loads(await run_in_thread(job, _answer, deadline=_DEADLINE))
    except (ChildEnded, ChildFailed, TimeoutError, orjson.JSONDecodeError) as error:
        log.warning("definition_not_resolved", reason=str(error) or type(error).__name__)
        return _MEMORY.add(key, Binding(), _STOPPED_FOR)
    return _MEMORY.add(key, _read(answer, sql, tables))


def _answer(child: Child) -> bytes:
    written = child.stream.read(_ANSWER)
    child.finish()
    return written


def _read(answer: Mapping[str, Any], sql: str, tables: Tables) -> Binding:
    if "fault" in answer:
        columns = list(dict.fromkeys(name for table in tables.values() for name, _ in table))
        shift = len(binding_child.DESCRIBE)
        return Binding(fault=fault_of(answer["fault"], sql, columns, shift=shift))
    if "columns" not in answer:
        return Binding()
    result = {str(name): str(kind) for name, kind in answer["columns"]}
    folded = Counter(str(name).lower() for name, _ in answer["columns"])
    if twice := [name for name, count in folded.items() if count > 1]:
        return Binding(
            fault=f"The result has more than one column {listed(twice)}. Leave the others out, or give them other names: "
            f"SELECT … AS {twice[0]}_2."
        )
    return Binding(result)


def key_faults(columns: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Return a message for each column of ``names`` (``profile_id``, …) that a result lacks, or that can hold no ids."""
    return [fault for name in names if (fault := _key_fault(columns, name))]


def _key_fault(columns: Mapping[str, str], name: str) -> str | None:
    found = matching(name, columns)
    if not found:
        return (
            f"The result has no column {name}; its columns are {listed(columns)}. Name the column of the id so: "
            f"SELECT … AS {name}."
        )
    if len(found) == 1 and columns[found[0]].strip('"') == "NULL":
        return f"The column {found[0]} is NULL in all rows. Name the column of the id so: SELECT … AS {name}."
    if len(found) == 1 and _NO_IDS.match(kind := columns[found[0]]):
        return (
            f"The column {found[0]} has the type {kind}; it must be text or an integer. Write CAST(… AS VARCHAR) AS {name}, "
            "or choose another column."
        )
    return None
