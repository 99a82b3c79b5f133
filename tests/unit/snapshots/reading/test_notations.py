"""Notations of numbers and dates that stay text, and the expressions that convert them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.snapshots.engine import Cursor, ReadColumn, Upload
from app.snapshots.membership import write_snapshot
from app.snapshots.reading import write_dataset
from tests.unit.snapshots.files import fresh


def written(cursor: Cursor, folder: Path, values: list[str]) -> tuple[ReadColumn, list[Any]]:
    """Write a dataset with one column; the column in the report, and its values by the conversion, or as they are."""
    file, out = fresh(folder, ".csv"), fresh(folder)
    file.write_text("no;an amount\n" + "".join(f"{no};{one}\n" for no, one in enumerate(values)))
    report = write_dataset(cursor, Upload(file, "csv", delimiter=";"), out).reading
    column = report.columns[1]
    shown = column.conversion or '"an amount"'
    rows = cursor.execute(f"SELECT {shown} FROM read_parquet('{out}') ORDER BY no").fetchall()
    return column, [value for (value,) in rows]


@pytest.mark.parametrize(
    ("values", "words", "converted"),
    [
        (["12,50", "-3", "0,5", ""], "a decimal comma such as 12,50", [Decimal("12.50"), Decimal("-3.00"), Decimal("0.50"), None]),
        (["1.234,50", "12,5"], "a decimal comma such as 1.234,50", [Decimal("1234.50"), Decimal("12.50")]),
        (["1,234.50", "12.5"], "commas between thousands", [Decimal("1234.50"), Decimal("12.50")]),
        (["1,234,567", "12"], "commas between thousands", [Decimal(1234567), Decimal(12)]),
        (["1,234", "12"], "which may be decimal or between thousands", [Decimal("1.234"), Decimal("12.000")]),
        (["31.12.2026", "1.2.2027"], "dates such as 31.12.2026", [date(2026, 12, 31), date(2027, 2, 1)]),
        (["28.02.2026", "31.02.2026", "31.04.2026"], "2 values are no day of the calendar", [date(2026, 2, 28), None, None]),
        (["123456789012345678,5", "1,5"], "a decimal comma", [123456789012345678.5, 1.5]),
    ],
)  # fmt: skip
def test_a_notation_is_named_and_nothing_is_converted_without_being_asked(
    cursor: Cursor, folder: Path, values: list[str], words: str, converted: list[Any]
) -> None:
    column, found = written(cursor, folder, values)
    assert column.type == "VARCHAR"
    assert words in column.reason
    assert "They stay text" in column.reason
    assert found == converted


@pytest.mark.parametrize(
    "values",
    [
        ["12,50", "about 12"],
        ["12,50", "1,2,3"],
        ["01234", "01235"],  # no comma: text for another reason
        ["31.12.2026", "2026-12-31"],
        ["", ""],
    ],
)
def test_other_texts_have_no_conversion(cursor: Cursor, folder: Path, values: list[str]) -> None:
    column, _ = written(cursor, folder, values)
    assert column.conversion is None
    assert "look like" not in column.reason


def test_a_value_after_the_sample_counts(cursor: Cursor, folder: Path) -> None:
    column, _ = written(cursor, folder, [*["12,50"] * 20_001, "none"])
    assert column.conversion is None


def test_a_trait_of_uploaded_members_says_how_to_write_numbers(
    cursor: Cursor, folder: Path
) -> None:
    file = fresh(folder, ".csv")
    file.write_text("profile_id;email;amount\na;a@example.com;12,50\nb;b@example.com;3\n")
    stats = write_snapshot(cursor, Upload(file, "csv", delimiter=";"), fresh(folder), linked=False)
    assert stats.reading is not None
    amount = stats.reading.columns[2]
    assert (amount.role, amount.type, amount.conversion) == ("trait", "VARCHAR", None)
    assert "numbers with a decimal comma such as 12,50" in amount.reason
    assert "Numbers with a decimal point (12.50)" in amount.reason
