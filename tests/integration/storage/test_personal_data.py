"""Every place that can hold personal data is named in the registry, and in the documents."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, SmallInteger

from app.storage.models import Base
from app.storage.models.base import EnumText
from app.storage.personal_data import COLUMNS, FILES

ROOT = Path(__file__).parents[3]
_NO_NAMES = (BigInteger, Boolean, DateTime, Integer, SmallInteger, EnumText)


def test_every_column_with_text_is_named() -> None:
    there = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if not isinstance(column.type, _NO_NAMES)
    }
    missing, unknown = there - set(COLUMNS), set(COLUMNS) - there
    assert not missing, (
        f"say in app/storage/personal_data.py whether these hold personal data: {missing}"
    )
    assert not unknown, f"these columns do not exist: {unknown}"


def test_every_kind_of_file_is_named() -> None:
    found: set[str] = set()
    for path in (ROOT / "app").rglob("*.py"):
        text = path.read_text()
        if "fresh_key(" not in text and "_snapshot_key(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(
                    func=ast.Name(id="fresh_key" | "_snapshot_key"),
                    args=[_, ast.Constant(value=str(name))],
                ):
                    found.add(name)
                case _:
                    pass
    assert found == set(FILES), "say in app/storage/personal_data.py what these files are"


def test_the_document_names_all_places() -> None:
    text = (ROOT / "docs/erasure.md").read_text()
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", text))
    held = {name for name, one in COLUMNS.items() if one.value not in {"none", "sealed", "staff"}}
    assert held <= named, held - named
