"""Kinds of datasets."""

from __future__ import annotations

import pytest

from app.services.datasets.kinds import is_database, is_file
from app.storage.models import Dataset


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("upload", (False, False)), ("postgres", (True, False)), ("object", (False, True))],
)
def test_each_kind_has_its_content_from_one_place(kind: str, expected: tuple[bool, bool]) -> None:
    dataset = Dataset(kind=kind)
    assert (is_database(dataset), is_file(dataset)) == expected
