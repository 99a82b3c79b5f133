"""The first rows of a dataset, and its columns."""

from __future__ import annotations

import io
import json

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.api_extensions.test_datasets import SALES, create, put


async def test_the_first_rows_are_those_of_the_file(api: httpx.AsyncClient) -> None:
    dataset = (await create(api))["id"]
    rows = f"datasets/{dataset}/rows"
    assert (await api.get(rows)).json() == {"data": {"rows": []}}
    assert (await put(api, dataset, SALES)).status_code == 200
    assert (await api.get(rows)).json()["data"]["rows"][0] == {
        "household_id": "1",
        "sku": "00001",
        "amount": 3.5,
        "paid_on": "2026-01-02",
        "at": "2026-01-02T10:00:00.000Z",
        "club": True,
    }
    more = "".join(f'{row},"{"é" * 60_000}"\n' for row in range(30))
    assert (await put(api, dataset, f"id,note\n0,\n{more}".encode())).status_code == 200
    found = (await api.get(rows)).json()["data"]["rows"]
    assert found[0] == {"id": "0"}, "a column without a value is left out"
    assert [row["id"] for row in found[1:]] == [str(row) for row in range(len(found) - 1)]
    assert len(found) == 18, "up to 1 MiB"
    assert (await api.get("datasets/dst_other/rows")).status_code == 404


async def test_columns_say_which_of_them_can_be_an_id(api: httpx.AsyncClient) -> None:
    dataset = (await create(api))["id"]
    columns = f"datasets/{dataset}/columns"
    assert (await api.get(columns)).json() == {"data": {"columns": []}}
    content = "nr,mail,town\nk1,a@example.com,Bonn\nk2,n/a,Bonn \nk3,A@example.com,\n"
    assert (await put(api, dataset, content.encode())).status_code == 200
    found = (await api.get(columns)).json()["data"]["columns"]
    assert [tuple(one.values()) for one in found] == [
        ("nr", "VARCHAR", 0, 0, 0),
        ("mail", "VARCHAR", 1, 0, 0),
        ("town", "VARCHAR", 1, 1, 0),
    ]
    assert (await api.get("datasets/dst_other/columns")).status_code == 404


NUMBERS = ["k1", "k\x01", "a\tb", "k2\t", "k\x01", None]


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"nr": NUMBERS}), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("".join(["nr,x\n", *(f'"{one or ""}",1\n' for one in NUMBERS)]).encode(), "text/csv"),
        (
            "".join(json.dumps({"nr": one}) + "\n" for one in NUMBERS).encode(),
            "application/x-ndjson",
        ),
        (_parquet(), "application/vnd.apache.parquet"),
    ],
    ids=["csv", "ndjson", "parquet"],
)
async def test_values_with_control_characters_cannot_be_ids_in_any_format(
    api: httpx.AsyncClient, content: bytes, content_type: str
) -> None:
    dataset = (await create(api))["id"]
    assert (await put(api, dataset, content, {"Content-Type": content_type})).status_code == 200
    found = (await api.get(f"datasets/{dataset}/columns")).json()["data"]["columns"][0]
    assert (found["missing"], found["unusable"], found["repeated"]) == (1, 3, 0)
