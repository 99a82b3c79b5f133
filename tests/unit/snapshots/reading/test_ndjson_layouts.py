"""JSON in another layout than one object per line is refused with the way to write one object per line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import open_upload, write_dataset
from tests.unit.snapshots.files import fresh

ROW = b'{"profile_id":"a"}'
MANY = b",\n".join([ROW] * 60_000)  # longer than the part in which the first value is looked for
LAYOUTS: list[tuple[bytes, str, int]] = [
    (b"[\n" + ROW + b",\n" + ROW + b"\n]\n", "'.[]'", 1),
    (b"[" + ROW + b"," + ROW + b"]", "'.[]'", 1),
    (b"\xef\xbb\xbf[\r\n  {\r\n" + ROW[1:] + b"\r\n]\r\n", "'.[]'", 1),
    (b"\n\n[]", "'.[]'", 3),
    (b"[" + MANY + b"]", "'.[]'", 1),
    (b'{"data": [' + ROW + b",\n" + ROW + b"]}", "'.data[]'", 1),
    (b'{"meta": {"n": 2},\n "my rows": [' + ROW + b"]}", "'.[\"my rows\"][]'", 1),
    (b'{"data": [' + MANY + b"]}", "'.data[]'", 1),
    (b'{\n  "profile_id": "a"\n}\n{\n  "profile_id": "b"\n}\n', "has 3 lines. NDJSON is one JSON object per line: convert the file with: jq -c '.' ", 1),
    (ROW + b'\n{"profile_id":\r\n"b"}\r\n', "line 2 has 2 lines", 2),
    (ROW + b" " + ROW, "several objects", 1),
    (ROW + b"\r" + ROW + b"\r", "several objects", 1),
    (ROW + b",\r\n" + ROW + b"\r\n", 'has "," after', 1),
    (ROW + b"\n" + ROW + b";\n", 'has ";" after', 2),
    (b"\x1e" + ROW + b"\n\x1e" + ROW + b"\n", "record separator", 1),
    (b"profile_id,email\na,a@example.com\n", "sent as text/csv", 1),
    (b"<!DOCTYPE html>\n<html></html>", "web page", 1),
    (ROW + b"\nnull\n", "Line 2 is not a JSON object", 2),
    (b"null\n" + ROW, "Line 1 is not a JSON object", 1),
    (b'["a","b"]\n', "not a JSON object", 1),
    (ROW + b"\n[" + ROW + b"]\n", "Line 2 is not a JSON object", 2),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words", "row"), LAYOUTS)
def test_is_refused_with_the_way_out(
    cursor: Cursor, folder: Path, content: bytes, words: str, row: int
) -> None:
    path = fresh(folder, ".ndjson")
    path.write_bytes(content)
    for write in (_members, write_dataset):
        with pytest.raises(Invalid) as caught:
            write(cursor, Upload(path, "ndjson"), fresh(folder))
        assert words in caught.value.message
        assert caught.value.data == {"row": row}


def _members(cursor: Cursor, upload: Upload, out: Path) -> Any:
    return write_snapshot(cursor, upload, out, linked=False)


def test_rows_within_one_object_are_found(cursor: Cursor, folder: Path) -> None:
    path = fresh(folder, ".ndjson")
    path.write_bytes(orjson.dumps({"next": None, "items": [{"profile_id": "a"}]}))
    with pytest.raises(Invalid, match=r"profile_id is missing.*in the list items.*'\.items\[\]'"):
        _members(cursor, Upload(path, "ndjson"), fresh(folder))
    with open_upload(cursor, Upload(path, "ndjson"), fresh(folder)) as source:
        assert list(source.columns) == ["next", "items"]
