"""Files with changed bytes, of each format: read or refused, and never another error."""

from __future__ import annotations

import gzip
import io
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import write_dataset
from tests.unit.snapshots.files import fresh

Format = Literal["csv", "ndjson", "parquet"]
ODD = [b"\xef\xbb\xbf", b"\\ud83d", b"\xed\xa0\xbd", b"\0", b'"', b"}", b"\n", b"\xff", b"[", b"1e999", b"\\u0000", b"null"]  # fmt: skip


def _files() -> list[tuple[Format, bytes]]:
    rows = [{"profile_id": f"p{n}", "email": f"e{n}@example.com", "n": n, "o": {"a": [1, None, "😀"]}} for n in range(20)]  # fmt: skip
    ndjson = "".join(json.dumps(row) + "\n" for row in rows)
    text = "profile_id,email,n\n" + "".join(f"p{n},e{n}@example.com,{n}\n" for n in range(20))
    columns: dict[str, Any] = {"profile_id": ["a", "b"], "n": [1, 2], "b": [b"x", None], "s": [{"a": 1}, None]}  # fmt: skip
    pq.write_table(pa.table(columns), buffer := io.BytesIO())
    return [
        ("csv", text.encode()),
        ("csv", text.encode("utf-16")),
        ("csv", gzip.compress(text.encode())),
        ("csv", zstandard.compress(text.encode())),
        ("ndjson", ndjson.encode()),
        ("ndjson", ndjson.encode("utf-16")),
        ("parquet", buffer.getvalue()),
    ]


def damaged(choices: random.Random, content: bytes) -> bytes:
    """Flip a bit, cut, insert, remove or repeat bytes, once or a few times."""
    changed = bytearray(content)
    for _ in range(choices.choice([1, 1, 2, 5])):
        place = choices.randrange(len(changed) or 1)
        end = place + choices.randrange(1, 30)
        match choices.randrange(5):
            case 0 if changed:
                changed[place] ^= 1 << choices.randrange(8)
            case 1:
                del changed[place:]
            case 2:
                del changed[place:end]
            case 3:
                changed[place:place] = changed[place:end]
            case _:
                changed[place:place] = choices.choice(ODD)
    return bytes(changed)


@pytest.mark.walk
@pytest.mark.parametrize("files", [60, pytest.param(5_000, marks=pytest.mark.chaos)])
def test_are_read_or_refused(cursor: Cursor, folder: Path, files: int) -> None:
    whole = _files()
    for seed in range(files):
        kind, content = whole[seed % len(whole)]
        path = fresh(folder, f".{kind}")
        path.write_bytes(damaged(random.Random(seed), content))
        upload = Upload(path, kind)
        with suppress(Invalid):
            write_snapshot(cursor, upload, fresh(folder), linked=False)
        with suppress(Invalid):
            write_dataset(cursor, upload, fresh(folder))


def test_a_line_that_is_no_text_is_named(cursor: Cursor, folder: Path) -> None:
    """Beside half a character, which is repaired line by line."""
    path = fresh(folder, ".ndjson")
    path.write_bytes(b'{"profile_id":"a","t":"\\ud83d"}\n{"profile_id":"b","t":"\\ud83d\xff"}\n')
    with pytest.raises(Invalid, match="Line 2 is not valid JSON"):
        write_snapshot(cursor, Upload(path, "ndjson"), fresh(folder), linked=False)
