"""Counts of values that are no identifiers: what is counted quickly equals what each value alone says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.absence import Absence
from app.domain.absent_words import ABSENT_WORDS
from app.domain.normalise import normalise
from app.domain.phone_numbers import NATIONAL
from app.domain.text_forms import trimmed
from app.snapshots.engine import Cursor
from app.snapshots.membership.absent_values import count_absent
from app.snapshots.membership.member_input import MemberColumns
from tests.apart import examples
from tests.unit.domain.test_normalise import TRICKY
from tests.unit.snapshots.files import Instance, fresh

_VALUES = TRICKY | st.sampled_from(["NULL", "call me", "+14155550100", "ann@example.com", "-"])
_ROWS = st.lists(st.lists(_VALUES.filter(bool), min_size=1, max_size=3) | st.none(), max_size=12)


def reason(value: str, how: str, words: Collection[str]) -> Absence | None:
    """Why one value is none, by the functions in Python."""
    word = trimmed(value).lower()
    if word in words:
        return Absence.WORD
    national = how == "phone" and re.fullmatch(NATIONAL, value)
    if national or normalise(value, "phone" if how == "phone" else "email") is not None:
        return None
    if word in ABSENT_WORDS:
        return Absence.WORD
    if how == "phone":
        return Absence.NOT_A_NUMBER
    if re.fullmatch(r"(?sa).*@.*[,;\s].*@.*", value):
        return Absence.ADDRESS_LIST
    displayed = re.fullmatch(r"(?s).*<[^<>@]+@[^<>]+>.*", value)
    return Absence.DISPLAY_NAME if displayed else Absence.NOT_AN_ADDRESS


def counted(
    cursor: Cursor, folder: Path, rows: list[list[str] | None], words: Collection[str] = ()
) -> dict[str, dict[str, int]]:
    path = fresh(folder)
    lists = pa.array(rows, pa.list_(pa.string()))
    members = pa.array([f"p{number}" for number in range(len(rows))])
    table = pa.table({"member_id": members, "id_email": lists, "id_phone": lists})
    pq.write_table(table, path, row_group_size=10)
    columns = MemberColumns("", "", (), {}, ["email", "phone"], [], [], [])
    return {name: dict(one) for name, one in count_absent(cursor, path, columns, words).items()}


def expected(
    rows: list[list[str] | None], words: Collection[str] = ()
) -> dict[str, dict[str, int]]:
    values = [value for row in rows for value in row or ()]
    found = {
        how: Counter(one.value for value in values if (one := reason(value, how, words)))
        for how in ("email", "phone")
    }
    return {how: dict(counts) for how, counts in found.items() if counts}


@pytest.mark.more_in_walks
@given(rows=_ROWS, words=st.sampled_from([(), ("ann@example.com", "+14155550100")]))
@settings(max_examples=examples(8, 25), deadline=None)
def test_counts_agree_with_each_value(
    engine: Instance,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str] | None],
    words: tuple[str, ...],
) -> None:
    folder = tmp_path_factory.getbasetemp()
    with engine.cursor() as cursor:
        assert counted(cursor, folder, rows, words) == expected(rows, words)
