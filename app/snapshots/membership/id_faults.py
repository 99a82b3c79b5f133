"""Faults of ids, found in the written file: it is sorted, so equal ids are neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_FIRST_LETTER, _DELETE = 0x20, 0x7F


@dataclass(slots=True)
class IdFaults:
    """Up to three repeated ids, the number of rows without an id, and an id with a control character."""

    repeated: list[str] = field(default_factory=list)
    missing: int = 0
    control: str | None = None


def id_faults(path: Path) -> IdFaults:
    """Check the ``member_id`` of every row, one row group at a time."""
    faults = IdFaults()
    last: Any = pa.nulls(1, pa.string())  # an array of None imports pandas where it is installed
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=["member_id"], use_threads=False)["member_id"]
            faults.missing += ids.null_count
            chain: Any = pa.concat_arrays([last, *ids.chunks])
            same: Any = pc.equal(chain[1:], chain[:-1])
            if pc.any(same).as_py():
                found = pc.unique(chain[1:].filter(same)).to_pylist()
                faults.repeated += [member for member in found if member not in faults.repeated]
                del faults.repeated[3:]
            faults.control = faults.control or _with_control(chain)
            last = chain[-1:]
    return faults


def _with_control(ids: Any) -> str | None:
    """Find an id with a control character. Such ids are rare, so the bytes of all ids are searched at once first."""
    buffer = ids.buffers()[2]
    letters = np.frombuffer(buffer or b"", np.uint8)
    if not ((letters < _FIRST_LETTER) | (letters == _DELETE)).any():
        return None
    faulty: Any = pc.match_substring_regex(ids, "[\\x00-\\x1f\\x7f]")
    found: list[str] = ids.filter(pc.fill_null(faulty, False)).to_pylist()
    return found[0] if found else None
