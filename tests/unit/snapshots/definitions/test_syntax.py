"""What the parser says of texts that are no definitions."""

from __future__ import annotations

import pytest

from app.snapshots.definitions.syntax import parse


@pytest.mark.parametrize("sql", ["UPDATE EXTENSIONS", "UPDATE EXTENSIONS (spatial)"])
def test_a_kind_of_statement_that_the_library_does_not_name_is_no_select(sql: str) -> None:
    assert not parse(sql).is_select
