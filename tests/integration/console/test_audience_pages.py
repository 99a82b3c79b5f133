"""The pages of one audience, with their actions."""

from __future__ import annotations

import re

import pytest

from app.services.audiences.previews import compute_preview
from tests.integration.console.conftest import Browser
from tests.stepping import Hand

PEOPLE = b"profile_id;e-mail;plan\n1;ada@example.com;gold\n2;bob@example.com;\n"
QUERY = 'SELECT profile_id, "e-mail" AS email, plan FROM people'


async def _sql(browser: Browser, query: str = QUERY) -> str:
    """Add a dataset and an audience over it, and compute it. Returns the address of its page."""
    space = f"/console/spaces/{browser.flow.space_id}"
    await browser.open("datasets/new")
    await browser.attach(f"{space}/datasets/new/file", "people.csv", PEOPLE, {"name": "people"})
    await browser.open("audiences/new")
    assert "people 2 profile_id" in browser.text, "the tables that SQL can read"
    page = await browser.send(f"{space}/audiences/new/sql", {"name": "Members", "query": query})
    assert "Members was added." in browser.text
    await Hand(browser.flow).once()
    return str(page.url.path)


@pytest.mark.walk
async def test_a_definition_is_added_computed_previewed_and_changed(browser: Browser) -> None:
    flow = browser.flow
    one = await _sql(browser)
    await browser.open(f"{one}?tab=members")
    assert "1 ada@example.com gold 2 bob@example.com" in browser.text
    await browser.open(one)
    page = await browser.send(
        f"{one}/definition?tab=definition", {"query": "SELECT nme FROM people"}
    )
    assert page.status_code == 422
    assert 'id="query-fault"' in page.text
    assert "SELECT nme FROM people" in page.text, "what was typed stays"
    await browser.open(one)
    token = browser.form("/console/sign-out")
    page = await browser.post(
        f"{one}/preview?tab=definition", {**token, "query": f"{QUERY} WHERE plan = 'gold'"}
    )
    assert 'hx-trigger="every 2s"' in page.text
    preview = page.url.params["preview"]
    await compute_preview(flow.platform, flow.space_id, preview)
    await browser.open(str(page.url.raw_path.decode()))
    assert "1 member, the first 1 are shown" in browser.text
    assert "ada@example.com" in browser.text
    assert "WHERE plan = &#39;gold&#39;" in (browser.page.text if browser.page else "")
    assert "Back to what is saved" in browser.text
    await browser.open(one)
    await browser.send(
        f"{one}/definition?tab=definition", {"query": f"{QUERY} WHERE plan = 'gold'"}
    )
    assert "The definition is saved." in browser.text
    await browser.send(f"{one}/run?tab=runs")
    await Hand(flow).once()
    await browser.open(f"{one}?tab=runs")
    assert "Complete A user or the API computes the definition 1 0 1 people 2 rows" in browser.text
    page = await browser.send(f"{one}/run?tab=runs", {"asOf": "yesterday"})
    assert page.status_code == 422
    await browser.open(f"{one}?tab=runs")
    token = browser.form("/console/sign-out")
    await browser.post(f"{one}/run?tab=runs", {**token, "asOf": "2026-01-31T12:00"})
    await Hand(flow).once()
    await browser.open(f"{one}?tab=runs")
    assert "as of 31 Jan 2026, 12:00 UTC" in browser.text
    assert "not sent: a newer one is current" in browser.text


@pytest.mark.walk
async def test_schedules_are_added_and_removed(browser: Browser) -> None:
    one = await _sql(browser)
    action = f"{one}/schedule?tab=schedule"
    await browser.open(f"{one}?tab=schedule")
    await browser.send(action, {"config.interval": "2h"})
    assert "every 2 hours" in browser.text
    token = browser.form("/console/sign-out")
    days = {"strategy": "SPECIFIC_DAYS", "config.hours": "6"}
    page = await browser.post(
        action, {**token, **days, "config.days": "1", "config.timezone": "Mars"}
    )
    assert page.status_code == 422
    assert 'id="config.timezone-fault"' in page.text
    await browser.open(f"{one}?tab=schedule")
    await browser.post(
        action, {**token, **days, "config.days": "1", "config.timezone": "Europe/Berlin"}
    )
    page = await browser.open(f"{one}?tab=schedule")
    assert "Mon at 06:00 (Europe/Berlin)" in browser.text
    for schedule in re.findall(r'name="schedule" value="([^"]+)"', page.text):
        await browser.post(f"{one}/remove-schedule", {**token, "schedule": schedule})
    await browser.open(f"{one}?tab=schedule")
    assert "No schedule" in browser.text


async def test_members_are_uploaded_patched_rolled_back_and_released(browser: Browser) -> None:
    flow = browser.flow
    await browser.open("audiences/new?kind=file")
    new = f"/console/spaces/{flow.space_id}/audiences/new/file?kind=file"
    page = await browser.attach(new, "a.csv", b'profile_id\n"1\n', {"name": "Spring"})
    assert page.status_code == 422
    await browser.open("audiences")
    assert "Spring" not in browser.text, "no audience is left"
    await browser.open("audiences/new?kind=file")
    page = await browser.attach(new, "a.csv", PEOPLE, {"name": "Spring"})
    one = str(page.url.path)
    assert "The file has 2 members." in browser.text
    assert "Delimiter semicolon" in browser.text
    read = r"e-mail identifier email list of text (.*) It is a spelling of email\."
    assert re.search(read, browser.text)
    await Hand(flow).once()
    await browser.open(f"{one}?tab=members")
    found = re.search(read, browser.text)
    assert found
    assert "ada@example.com" in found[1], "an example"
    for field, fields in {"add": {"add": "{"}, "remove": {"remove": "x" * 300}}.items():
        page = await browser.send(f"{one}/patch?tab=members", {"add": "", "remove": "", **fields})
        assert page.status_code == 422, field
        assert browser.text.count("Change members") == 1
        await browser.open(f"{one}?tab=members")
    added = '{"profile_id": "3", "e-mail": "cyd@example.com"}'
    await browser.send(f"{one}/patch?tab=members", {"add": added, "remove": "1\n"})
    assert "The change is accepted." in browser.text
    await Hand(flow).once()
    await browser.open(f"{one}?tab=members")
    assert "cyd@example.com" in browser.text
    assert "ada@example.com" not in browser.text
    page = await browser.open(f"{one}?tab=snapshots")
    assert "Members of the last 2 snapshots: 2, 2" in page.text
    [old] = re.findall(r'name="snapshot" value="([^"]+)"', page.text)
    await browser.send(f"{one}/rollback?tab=snapshots", {"snapshot": old})
    assert "Rolled back. Activations send snapshot 1." in browser.text
    await browser.open(f"{one}?tab=members")
    assert "ada@example.com" in browser.text
    await browser.send(f"{one}/release?tab=snapshots")
    assert "The audience has its newest members again." in browser.text
    await browser.open(f"{one}?tab=members")
    page = await browser.attach(f"{one}/upload?tab=members", "people.xls", b"")
    assert "people.xls is a spreadsheet." in browser.text
    await browser.attach(f"{one}/upload?tab=members", "b.csv", b"profile_id\n9\n")
    assert "The file has 1 member." in browser.text


@pytest.mark.walk
async def test_an_audience_is_renamed_disabled_and_removed(browser: Browser) -> None:
    one = await _sql(browser)
    await browser.open(f"{one}?tab=options")
    page = await browser.send(f"{one}/rename?tab=options", {"name": "", "description": "x"})
    assert page.status_code == 422
    assert 'id="name-fault"' in page.text
    await browser.send(f"{one}/rename?tab=options", {"name": "<b>Best</b>", "description": "All"})
    assert "&lt;b&gt;Best&lt;/b&gt;" in (browser.page.text if browser.page else "")
    await browser.send(f"{one}/disable")
    assert "is not computed until it is enabled" in browser.text
    assert "Compute now" not in browser.text
    await browser.send(f"{one}/enable")
    await browser.send(f"{one}/delete")
    assert "The audience is removed." in browser.text
    assert (await browser.open(one)).status_code == 404


@pytest.mark.walk
async def test_each_tab_for_a_reader_has_no_actions(browser: Browser) -> None:
    one = await _sql(browser)
    flow = browser.flow
    await browser.sign_in("read")
    used = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}"
    tabs = ("definition", "members", "runs", "snapshots", "schedule", "activations", "options")
    for path in (
        "audiences",
        "audiences/new",
        *(f"{a}?tab={tab}" for a in (one, used) for tab in tabs),
    ):
        page = await browser.open(path)
        assert page.status_code == 200, path
        assert page.text.count('method="post"') == 1, f"only the sign-out: {path}"
    token = browser.form("/console/sign-out")
    assert (await browser.open(f"{one}?tab=none")).status_code == 404
    for action in (
        "run",
        "definition",
        "preview",
        "patch",
        "rollback",
        "release",
        "schedule",
        "delete",
    ):
        assert (await browser.post(f"{one}/{action}", token)).status_code == 403, action
    assert (await browser.post_file(f"{one}/upload", token, "a.csv", b"")).status_code == 403


async def test_a_connection_without_activations_is_removed(browser: Browser) -> None:
    flow = browser.flow
    activation = await flow.activate(enabled=False)
    one = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}"
    page = await browser.open(f"{one}?tab=activations")
    assert "Hook Signed webhook all none 1" in browser.text
    assert "/disconnect" not in page.text, "an activation uses it"
    await browser.open(f"{one}/activations/{activation}")
    await browser.send(f"{one}/activations/{activation}/delete")
    await browser.open(f"{one}?tab=activations")
    await browser.send(f"{one}/disconnect?tab=activations")
    assert "The connection is removed." in browser.text
    assert "Connections" not in browser.text.split("No activations")[1]
