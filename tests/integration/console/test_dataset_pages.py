"""The pages of datasets, with their actions."""

from __future__ import annotations

import gzip
import re

import pytest

from app.console.words import NOTHING
from app.core import clock
from app.services import audiences, datasets
from tests.flow import ACTOR
from tests.integration.console.conftest import Browser

SALES = "id;E-Mail;paid_on\n1;ada@example.com;2026-01-02\n\n2;;2026-01-03\n".encode("utf-16")


async def _add(browser: Browser, content: bytes = SALES, name: str = "sales") -> str:
    """Add a dataset. Returns the address of its page."""
    await browser.open("datasets/new")
    action = f"/console/spaces/{browser.flow.space_id}/datasets/new/file"
    page = await browser.attach(action, "sales.csv", content, {"name": name})
    assert page.status_code == 200, browser.text
    return str(page.url.path)


async def _audience(browser: Browser, query: str) -> None:
    async with browser.flow.platform.unit_of_work() as session:
        await audiences.create_audience(
            session,
            space_id=browser.flow.space_id,
            name="Payers",
            query=query,
            audience_type="USERS",
            actor=ACTOR,
            now=clock.now(),
        )


@pytest.mark.walk
async def test_a_file_becomes_a_dataset_whose_page_shows_how_it_was_read(browser: Browser) -> None:
    await browser.open("datasets")
    assert "No datasets yet" in browser.text
    one = await _add(browser)
    assert "sales has 2 rows. Check below how the file was read." in browser.text
    assert "id text E-Mail text paid_on date 1 ada@example.com 2026-01-02" in browser.text
    await browser.open(f"{one}?tab=reading")
    assert "UTF-16" in browser.text
    assert "Delimiter semicolon" in browser.text
    assert "1 empty row" in browser.text
    assert (
        "paid_on date All values fit this type. 2026-01-02 2026-01-03 All values fit this type."
        in browser.text
    )
    await _audience(browser, "SELECT id AS profile_id FROM sales")
    await browser.open(f"{one}?tab=users")
    assert "Payers not yet" in browser.text
    await browser.open("datasets")
    assert f"sales upload 2 {NOTHING} 3 columns id, E-Mail, paid_on Payers" in browser.text
    assert (await browser.open(f"{one}?tab=none")).status_code == 404
    assert (await browser.open("datasets/new?kind=none")).status_code == 404


@pytest.mark.walk
async def test_a_content_is_replaced_restored_and_not_broken_unasked(browser: Browser) -> None:
    one = await _add(browser)
    await _audience(browser, "SELECT id AS profile_id FROM sales")
    more = gzip.compress(b"id,E-Mail,note\n1,a@example.com,x\n2,,y\n3,,z\n")
    await browser.open(one)
    await browser.attach(f"{one}/replace", "more.csv.gz", more)
    assert "sales has 3 rows now." in browser.text
    assert "3 +1 since the content before" in browser.text
    assert "Since the content before: note is new; paid_on is gone." in browser.text
    page = await browser.attach(f"{one}/replace", "other.csv", b"profile,note\n1,x\n")
    assert page.status_code == 409
    assert "This upload breaks what audiences read" in browser.text
    assert "Payers" in browser.text
    assert "has 3 rows" not in browser.text
    page = await browser.attach(f"{one}/replace", "people.xlsx", b"PK", {"delimiter": "tab"})
    assert page.status_code == 415
    assert 'id="file-fault"' in page.text
    assert "people.xlsx is a spreadsheet. Save it as CSV" in browser.text
    assert "<option selected>tab</option>" in page.text, "the fields stay"
    page = await browser.attach(f"{one}/replace", "", b"")
    assert "Choose a file." in browser.text
    fields = {"allowBreaking": "true"}
    await browser.attach(f"{one}/replace", "other.csv", b"profile,note\n1,x\n", fields)
    assert "sales has 1 row now." in browser.text
    await browser.open(f"{one}?tab=former")
    contents = re.findall(r'name="content" value="([^"]+)"', browser.page.text)  # type: ignore[union-attr]
    assert len(contents) == 2
    await browser.send(f"{one}/restore?tab=former", {"content": contents[0]})
    assert "The former content with 3 rows is restored." in browser.text
    page = await browser.send(f"{one}/delete")
    assert page.status_code == 409
    assert "The dataset is named by the definition of Payers" in browser.text


@pytest.mark.walk
async def test_a_file_that_cannot_be_read_leaves_no_dataset(browser: Browser) -> None:
    await browser.open("datasets/new")
    action = f"/console/spaces/{browser.flow.space_id}/datasets/new/file"
    for name, file, content, words in (
        ("two words", "a.csv", b"id\n1\n", "name"),
        ("sales", "a.csv", b'id,name\n1,"open\n', "quote"),
        ("sales", "a.pdf", b"x", "must end in .csv"),
    ):
        page = await browser.attach(action, file, content, {"name": name})
        assert page.status_code in (415, 422), browser.text
        assert words in browser.text
        assert f'value="{name}"' in page.text
    await browser.open("datasets")
    assert "No datasets yet" in browser.text
    one = await _add(browser)
    await browser.open(one)
    await browser.send(f"{one}/delete")
    assert "The dataset is removed." in browser.text


async def test_a_database_is_added_checked_and_changed(browser: Browser) -> None:
    await browser.open("datasets/new?kind=database")
    action = f"/console/spaces/{browser.flow.space_id}/datasets/new/database?kind=database"
    fields = {
        "name": "warehouse",
        "source.host": "127.0.0.1",
        "source.port": "x",
        "source.user": "reader",
        "source.password": "s3cret-of-the-database",
        "source.sslMode": "disable",
    }
    page = await browser.send(action, fields)
    assert page.status_code == 422
    assert 'id="source.port-fault"' in page.text
    assert 'id="source.database-fault"' in page.text
    assert "s3cret" not in page.text
    page = await browser.send(action, {**fields, "source.port": "1", "source.database": "shop"})
    assert "The database is added." in browser.text
    assert "127.0.0.1:1" in browser.text
    assert "s3cret" not in page.text
    one = str(page.url.path)
    await browser.send(f"{one}/check")
    assert "The check failed." in browser.text
    await browser.open(one)
    page = await browser.send(f"{one}/source?tab=source", {"source.host": "other.example.com"})
    assert page.status_code == 422
    assert 'id="source.password-fault"' in page.text, "another server requires the password again"
    await browser.send(f"{one}/source?tab=source", {"source.table": "orders"})
    assert "Reads orders" in browser.text
    await browser.send(
        f"{one}/source?tab=source", {"source.query": "SELECT 1 AS id", "source.table": ""}
    )
    assert "Reads SELECT 1 AS id" in browser.text
    await browser.open("datasets")
    assert "read by each run" in browser.text


async def test_a_read_token_sees_datasets_without_actions(browser: Browser) -> None:
    one = await _add(browser)
    await browser.sign_in("read")
    for path in ("datasets", "datasets/new", one, f"{one}?tab=former"):
        page = await browser.open(path)
        assert page.status_code == 200, path
        assert page.text.count('method="post"') == 1, "only the sign-out"
    token = browser.form("/console/sign-out")
    for action in ("restore", "check", "source", "delete"):
        assert (await browser.post(f"{one}/{action}", token)).status_code == 403, action
    assert (await browser.post_file(f"{one}/replace", token, "a.csv", b"id\n")).status_code == 403


async def test_a_dataset_over_a_file_shows_its_settings_and_no_secret(browser: Browser) -> None:
    flow = browser.flow
    async with flow.platform.unit_of_work() as session:
        made = await datasets.create_dataset(
            session,
            flow.platform.keyring,
            workspace_id=await flow.workspace_id(),
            space_id=flow.space_id,
            name="exports",
            kind="object",
            source=None,
            file={"url": "https://127.0.0.1:1/a.csv?sig=very-secret", "max_age_hours": 26},
            actor=ACTOR,
        )
    await browser.open("datasets")
    assert "exports file empty" in browser.text
    one = f"/console/spaces/{flow.space_id}/datasets/{made.id}"
    page = await browser.open(one)
    assert "A file, which each run reads if it changed." in browser.text
    assert "Not read yet" in browser.text
    assert "Upload the content" not in browser.text
    page = await browser.open(f"{one}?tab=file")
    assert "https://127.0.0.1:1/a.csv?sig=<hidden>" in browser.text
    assert "26 hours; an older file is late" in browser.text
    assert "very-secret" not in page.text


async def test_a_file_that_runs_read_is_added_and_changed(browser: Browser) -> None:
    await browser.open("datasets/new?kind=object")
    action = f"/console/spaces/{browser.flow.space_id}/datasets/new/object?kind=object"
    fields = {
        "name": "orders",
        "file.url": "s3://shop/orders-*.csv",
        "file.maxAgeHours": "a day",
        "file.accessKeyId": "AKIA",
        "file.region": "eu-central-1",
        "file.endpointUrl": "http://127.0.0.1:9",
        "file.allowBreaking": "true",
    }
    page = await browser.send(action, fields)
    assert page.status_code == 422
    assert 'id="file.maxAgeHours-fault"' in page.text
    assert 'value="s3://shop/orders-*.csv"' in page.text, "the fields stay"
    fields |= {"file.maxAgeHours": "26"}
    page = await browser.send(action, fields)
    assert "accessKeyId and secretAccessKey must be set together" in browser.text
    page = await browser.send(action, {**fields, "file.secretAccessKey": "s3cret-of-the-store"})
    assert page.status_code == 200, browser.text
    assert "The file is added; the next run that needs it reads it." in browser.text
    assert "The file was not checked: 127.0.0.1 refused the connection" in browser.text
    assert "Format CSV Oldest 26 hours; an older" in browser.text
    assert "s3cret" not in page.text

    one = str(page.url.path)
    stored = {name: text for name, text in fields.items() if name != "name"} | {
        "file.format": "csv"
    }
    await browser.send(f"{one}/file?tab=file", stored)
    assert "Nothing was changed." in browser.text
    page = await browser.send(f"{one}/file?tab=file", {**stored, "file.url": ""})
    assert page.status_code == 422
    assert 'id="file.url-fault"' in page.text
    changes = {
        "file.url": "s3://shop/sales.ndjson",
        "file.format": "ndjson",
        "file.maxAgeHours": "",
    }
    page = await browser.send(f"{one}/file?tab=file", {**stored, **changes})
    assert page.status_code == 200, browser.text
    assert "Format NDJSON Oldest any age" in browser.text
    page = await browser.send(
        f"{one}/file?tab=file", {**stored, "file.endpointUrl": "http://127.0.0.1:8"}
    )
    assert page.status_code == 422, "another server gets the secret only if it is entered again"
