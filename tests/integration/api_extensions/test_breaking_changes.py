"""Uploads that empty or reshape what audiences read are refused, unless the request allows it."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.api_extensions.supply import CSV
from tests.integration.api_extensions.test_datasets import create, put

QUERY = "SELECT id AS profile_id, spent FROM people WHERE day > CAST($as_of AS DATE)"
PEOPLE = b"id,spent,day,note\na1,3,2026-01-02,x\na2,4,2026-01-03,y\n"


async def test_only_what_definitions_read_counts(api: httpx.AsyncClient) -> None:
    dataset = (await create(api, "people"))["id"]
    assert (await put(api, dataset, PEOPLE)).status_code == 200
    body = {"name": "Buyers", "audienceType": "USERS", "definition": {"query": QUERY}}
    made = (await api.post("audiences", json=body)).json()["data"]["audience"]["id"]
    refused = {
        "the dataset people has 2 rows and would have none": b"id,spent,day,note\n",
        "the column spent is missing": b"id,spend,day\na1,3,2026-01-02\n",
        "the column spent was BIGINT and is VARCHAR": b"id,spent,day\na1,much,2026-01-02\n",
        "the column day was DATE and is VARCHAR": b"id,spent,day\na1,3,2026-01-02\na2,3,2.1.26\n",
    }
    for change, content in refused.items():
        answer = await put(api, dataset, content)
        assert answer.status_code == 409, change
        error = answer.json()["errors"][0]
        assert change in error["message"]
        assert f"Buyers ({made})" in error["message"]
        assert error["data"]["audiences"] == [made]
        assert change in error["data"]["changes"][0]
    assert (await api.get(f"datasets/{dataset}")).json()["data"]["dataset"]["rows"] == 2
    # A column that no definition names, and another type of number.
    assert (await put(api, dataset, b"id,spent,day\na1,3.5,2026-01-02\n")).status_code == 200
    path = f"datasets/{dataset}/content?allowBreaking=true"
    forced = await api.put(path, content=b"id,spent,day\n", headers=CSV)
    assert forced.status_code == 200, forced.text
    # Nothing is left to break: the next complete file is taken.
    assert (await put(api, dataset, PEOPLE)).status_code == 200


@pytest.mark.parametrize("value", ["yes", "TRUE"])
async def test_the_parameter_is_true_or_false(api: httpx.AsyncClient, value: str) -> None:
    path = f"datasets/dst_1/content?allowBreaking={value}"
    answer = await api.put(path, content=b"id\n", headers=CSV)
    assert answer.status_code == 422
    message = answer.json()["errors"][0]["message"]
    assert message.startswith('"allowBreaking" must be true or false, not "')
