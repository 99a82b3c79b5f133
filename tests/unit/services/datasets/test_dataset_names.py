"""Names of datasets that definitions must write in double quotes."""

from __future__ import annotations

import pytest

from app.services.datasets.dataset_names import dataset_name_warnings
from app.snapshots.definitions import check_definition


@pytest.mark.parametrize("name", ["order", "Select", "from", "left", "table"])
async def test_a_word_of_sql_needs_quotes(name: str) -> None:
    (found,) = await dataset_name_warnings(name)
    assert (found.code, found.field) == ("name_needs_quotes", "name")
    assert f'FROM "{name}"' in found.message
    (problem,) = check_definition(f"SELECT id AS profile_id FROM {name} o", [name])
    assert f'FROM "{name}"' in problem.message
    assert check_definition(f'SELECT id AS profile_id FROM "{name}" o', [name]) == []


@pytest.mark.parametrize("name", ["orders", "order_1", "customers", "date", "unnest"])
async def test_other_names_need_none(name: str) -> None:
    assert not await dataset_name_warnings(name)
    assert check_definition(f"SELECT id AS profile_id FROM {name}", [name]) == []
