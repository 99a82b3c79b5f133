"""Datasets over files: what a run does with a file that is new, unchanged, missing, late, broken, or would break audiences."""

from __future__ import annotations

import gzip
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from app.core import clock
from app.services.datasets.file_sources import file_of
from app.services.platform.platform import Platform
from tests.integration.services.datasets.file_shop import FileShop, open_file_shop, source_of

MONDAY = datetime(2026, 3, 2, 4, tzinfo=UTC)
ONE = b"id,spent\na1,3\n"
TWO = b"id,spent\na1,3\na2,4\n"


@pytest.fixture
async def shop(platform: Platform, tmp_path: Path) -> AsyncIterator[FileShop]:
    async with open_file_shop(platform, tmp_path) as opened:
        yield opened


async def test_a_file_is_read_when_it_changed_and_the_run_shows_its_version(shop: FileShop) -> None:
    server = shop.server
    server.put("orders.csv", ONE, MONDAY)
    dataset = await shop.dataset(server.url("orders.csv"))
    audience = await shop.define()

    first = await shop.run(audience)
    source = source_of(first)
    assert (first.state, first.members, source["state"]) == ("complete", 1, "new")
    assert source["path"] == server.url("orders.csv")
    assert source["etag"] == server.files["orders.csv"].tag
    assert (source["fileBytes"], source["rows"]) == (len(ONE), 1)
    assert source["modifiedAt"] == "2026-03-02T04:00:00.000Z"
    assert source["readAt"] is not None
    row = await shop.row(dataset)
    assert (row.reading or {})["dialect"]["delimiter"] == ","
    assert row.file is not None
    assert source["sha256"] == row.file["sha256"]

    second = await shop.run(audience)
    assert (second.state, second.members, source_of(second)["state"]) == (
        "complete",
        1,
        "unchanged",
    )
    assert source_of(second)["sha256"] == source["sha256"]
    assert f"if-none-match: {server.files['orders.csv'].tag}" in server.requests[-1]
    assert await shop.former(dataset) == []

    server.put("orders.csv", TWO, MONDAY + timedelta(days=1))
    third = await shop.run(audience)
    assert (third.members, source_of(third)["state"]) == (2, "new")
    assert [one.row_count for one in await shop.former(dataset)] == [1]


async def test_a_server_that_ignores_the_known_version_does_not_replace_the_content(
    shop: FileShop,
) -> None:
    shop.server.put("orders.csv", ONE, MONDAY, compares=False)
    dataset = await shop.dataset(shop.server.url("orders.csv"))
    audience = await shop.define()
    states = [source_of(await shop.run(audience))["state"] for _ in range(2)]
    assert states == ["new", "unchanged"]
    assert await shop.former(dataset) == []


@pytest.mark.parametrize(
    ("has_tag", "modified", "states"),
    [
        (False, MONDAY, ["new", "unchanged", "new"]),
        (False, None, ["new", "new", "new"]),
    ],
)
async def test_without_an_etag_the_time_decides_and_without_both_each_run_reads(
    shop: FileShop, has_tag: bool, modified: datetime | None, states: list[str]
) -> None:
    shop.server.put("orders.csv", ONE, modified, has_tag=has_tag)
    await shop.dataset(shop.server.url("orders.csv"))
    audience = await shop.define()
    found = [source_of(await shop.run(audience))["state"] for _ in range(2)]
    later = modified and modified + timedelta(hours=1)
    shop.server.put("orders.csv", TWO, later, has_tag=has_tag)
    assert [*found, source_of(await shop.run(audience))["state"]] == states


async def test_a_missing_and_a_late_file_are_tried_again_and_the_content_stays(
    shop: FileShop,
) -> None:
    now = clock.now()
    shop.server.put("orders.csv", ONE, now - timedelta(hours=25))
    dataset = await shop.dataset(shop.server.url("orders.csv"), max_age_hours=26)
    audience = await shop.define()
    assert (await shop.run(audience)).state == "complete"

    await shop.change(dataset, max_age_hours=24)
    late = await shop.run(audience)
    assert (late.state, source_of(late)["state"]) == ("new", "late")
    assert (late.error or {})["code"] == "file_late"
    assert "Dataset orders: https://" in (late.error or {})["message"]
    assert "25 hours ago, and maxAgeHours is 24" in (late.error or {})["message"]
    assert source_of(late)["modifiedAt"] is not None

    del shop.server.files["orders.csv"]
    other = await shop.define()
    missing = await shop.run(other)
    assert (missing.state, source_of(missing)["state"]) == ("new", "missing")
    assert (missing.error or {})["code"] == "file_missing"
    assert "there is no file https://" in (missing.error or {})["message"]
    assert (await shop.row(dataset)).row_count == 1


@pytest.mark.walk
async def test_a_broken_file_fails_the_run_and_the_content_stays(shop: FileShop) -> None:
    shop.server.put("orders.csv", ONE, MONDAY)
    dataset = await shop.dataset(shop.server.url("orders.csv"))
    audience = await shop.define()
    await shop.run(audience)
    shop.server.put("orders.csv", b"id,spent\na1,3,4\n", MONDAY + timedelta(days=1))
    broken = await shop.run(audience)
    assert (broken.state, source_of(broken)["state"]) == ("failed", "broken")
    error = broken.error or {}
    assert error["code"] == "file_broken"
    assert "orders.csv cannot be read: Line 2 has 3 columns, the header 2." in error["message"]
    assert error["message"].endswith("The content before stays.")
    assert (await shop.row(dataset)).row_count == 1
    shop.server.put("orders.csv", TWO, MONDAY + timedelta(days=2))
    assert (await shop.run(audience)).members == 2


@pytest.mark.walk
async def test_a_file_that_breaks_audiences_fails_the_run_until_it_is_allowed_once(
    shop: FileShop,
) -> None:
    shop.server.put("orders.csv", ONE, MONDAY)
    dataset = await shop.dataset(shop.server.url("orders.csv"))
    audience = await shop.define()
    await shop.run(audience)
    shop.server.put("orders.csv", b"id,paid\na1,3\n")
    refused = await shop.run(audience)
    error = refused.error or {}
    assert (refused.state, source_of(refused)["state"]) == ("failed", "breaking")
    assert error["code"] == "file_breaking"
    assert "breaks what audiences read: the column spent is missing" in error["message"]
    assert f"Buyers ({audience})" in error["message"]
    assert f"PATCH …/datasets/{dataset}" in error["message"]
    assert (await shop.row(dataset)).columns["columns"][1][0] == "spent"

    shop.server.put("orders.csv", b"id,spent\n")
    assert "would have none" in ((await shop.run(audience)).error or {})["message"]
    await shop.change(dataset, allow_breaking=True)
    emptied = await shop.run(audience)
    assert (emptied.state, emptied.members) == ("complete", 0), emptied.error
    row = await shop.row(dataset)
    assert not file_of(shop.platform.keyring, shop.workspace_id, row).allow_breaking
    assert [one.row_count for one in await shop.former(dataset)] == [1]


def parquet(rows: dict[str, list[object]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(rows), out)
    return out.getvalue()


FORMATS = [
    ("orders.csv.gz", gzip.compress(TWO), {}, {}),
    ("orders.csv", gzip.compress(TWO), {"content-encoding": "gzip"}, {}),
    ("orders.csv", TWO, {"content-encoding": "aws-chunked"}, {}),
    ("orders.csv.zst", zstandard.compress(TWO), {}, {}),
    ("orders.parquet", parquet({"id": ["a1", "a2"], "spent": [3, 4]}), {}, {}),
    ("orders.jsonl", b'{"id": "a1", "spent": 3}\n{"id": "a2", "spent": 4}\n', {}, {}),
    ("export", TWO.replace(b",", b"^"), {}, {"format": "csv", "delimiter": "^"}),
]


@pytest.mark.parametrize(
    ("path", "content", "headers", "fields"),
    FORMATS,
    ids=["gz", "sent-as-gzip", "aws-chunked", "zst", "parquet", "jsonl", "named"],
)
async def test_formats_and_compressions(
    shop: FileShop,
    path: str,
    content: bytes,
    headers: dict[str, str],
    fields: dict[str, str],
) -> None:
    shop.server.put(path, content, headers=headers)
    await shop.dataset(shop.server.url(path), **fields)
    run = await shop.run(await shop.define())
    assert (run.state, run.members) == ("complete", 2), run.error


async def test_another_file_or_format_is_read_whatever_its_version(shop: FileShop) -> None:
    shop.server.put("orders.csv", b"id;spent,x\na1;3,4\n", MONDAY)
    dataset = await shop.dataset(shop.server.url("orders.csv"), delimiter="semicolon")
    audience = await shop.define("SELECT id AS profile_id FROM orders")
    assert source_of(await shop.run(audience))["state"] == "new"
    await shop.change(dataset, max_age_hours=8760)
    assert source_of(await shop.run(audience))["state"] == "unchanged"
    await shop.change(dataset, delimiter="comma", allow_breaking=True)
    run = await shop.run(audience)
    assert source_of(run)["state"] == "new"
    assert [name for name, _ in (await shop.row(dataset)).columns["columns"]] == ["id;spent", "x"]


async def test_parameters_and_headers_are_in_no_message_and_no_run(shop: FileShop) -> None:
    shop.server.authorization = "Bearer right-secret-of-the-server"
    shop.server.put("orders.csv", ONE, MONDAY)
    url = shop.server.url("orders.csv?signature=very-secret-signature")
    dataset = await shop.dataset(url, authorization="Bearer wrong-secret-of-ours")
    audience = await shop.define()
    refused = await shop.run(audience)
    assert refused.state == "failed"
    await shop.change(dataset, authorization="Bearer right-secret-of-the-server")
    read = await shop.run(audience)
    assert (read.state, "signature=very-secret" in shop.server.requests[-1]) == ("complete", True)
    for text in (str(refused.error), str(refused.sources), str(read.sources)):
        assert "secret" not in text


@pytest.mark.walk
async def test_values_that_cannot_be_converted_are_left_out_and_counted(shop: FileShop) -> None:
    server = shop.server
    rows = b"id;paid_on;spent\na1;28.02.2026;12,50\na2;31.02.2026;3,00\na3;01.03.2026;0,5\n"
    server.put("orders.csv", rows, MONDAY)
    dataset = await shop.dataset(server.url("orders.csv"))
    first = await shop.run(await shop.define("SELECT id AS profile_id FROM orders"))
    assert (first.state, first.notes) == ("complete", None)
    report = {one["name"]: one for one in ((await shop.row(dataset)).reading or {})["columns"]}
    assert "1 value is no day of the calendar" in report["paid_on"]["reason"]
    day, spent = report["paid_on"]["conversion"], report["spent"]["conversion"]
    audience = await shop.define(
        f"SELECT id AS profile_id, {day} AS paid_on, {spent} AS spent FROM orders"
    )
    run = await shop.run(audience)
    assert (run.state, run.members, run.error) == ("complete", 3, None)
    assert run.notes == [
        "orders.paid_on: 1 value is no date of the form that the conversion expects, and left out; the first one is in row 2 of "
        "the content."
    ]
    # The next file has a value that is no number at all: the run does not fail, and says so.
    server.put("orders.csv", rows.replace(b"12,50", b"about 12"), MONDAY + timedelta(days=1))
    again = await shop.run(audience)
    assert (again.state, again.members) == ("complete", 3)
    assert [note.partition(":")[0] for note in again.notes or ()] == [
        "orders.paid_on",
        "orders.spent",
    ]


async def test_a_conversion_that_fails_says_how_to_leave_such_values_out(shop: FileShop) -> None:
    shop.server.put("orders.csv", b"id,day\na1,31.02.2026\na2,x\n", MONDAY)
    await shop.dataset(shop.server.url("orders.csv"))
    for converted in ("strptime(day, '%d.%m.%Y')", "CAST(day AS DATE)"):
        query = f"SELECT id AS profile_id, {converted} AS d FROM orders"
        run = await shop.run(await shop.define(query))
        assert run.state == "failed"
        message = (run.error or {})["message"]
        assert "write TRY_CAST in place of CAST, and try_strptime in place of strptime" in message
