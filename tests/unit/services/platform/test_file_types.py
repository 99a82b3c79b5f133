"""The content type of a file by its name, as browsers of all systems send it: their own guess is not used."""

from __future__ import annotations

import pytest

from app.core.errors import UnsupportedMediaType
from app.services.platform.uploads import type_of_file


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("people.csv", "text/csv"),
        ("People.CSV.gz", "text/csv"),
        ("a.b.tsv.ZST", "text/csv"),
        ("export.txt", "text/csv"),
        ("rows.jsonl", "application/x-ndjson"),
        ("rows.ndjson.gz", "application/x-ndjson"),
        ("rows.json", "application/x-ndjson"),
        ("part-0.parquet", "application/vnd.apache.parquet"),
    ],
)
def test_the_type_is_that_of_the_ending(name: str, wanted: str) -> None:
    assert type_of_file(name) == wanted


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("people.xlsx", "people.xlsx is a spreadsheet. Save it as CSV"),
        ("people", "must end in .csv"),
        ("people.gz", "must end in .csv"),
        ("", "must end in .csv"),
        ("archive.zip", "must end in .csv"),
    ],
)
def test_another_ending_is_refused_with_the_way_out(name: str, words: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=words) as raised:
        type_of_file(name)
    assert raised.value.field == "file"
