"""Every page in Chromium: its policy, its accessibility, its width, its errors, and without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from sqlalchemy import text

from app.core import clock
from app.services import audiences, datasets
from tests.browser.conftest import Console
from tests.flow import ACTOR, Flow
from tests.integration.services.erasure.leaks import ask_to_erase

#: Paths below the space; {activation} and {sync} are an activation with a sync on hold, {destination} its account; {settled} is a sync
#: that left out members, and of which a change was rejected.
PAGES = (
    "",
    "/activations",
    "/activations?search=none",
    "/syncs",
    "/syncs?status=failed",
    "/profile",
    "/profile?search=p1",
    "/profile?search=nobody",
    "/erasures",
    "{erasure}",
    "{activation}/profiles/p1",
    "/settings",
    "/operations",
    "/operations?state=failed",
    "/audit",
    "/audit?resourceType=space",
    "/destinations",
    "/destinations/new/webhook",
    "/destinations/new/klaviyo",
    "{destination}",
    "{destination}?tab=activations",
    "{destination}?tab=lists",
    "{destination}?tab=mapping",
    "{destination}?tab=settings",
    "/audiences",
    "/audiences?search=none",
    "/audiences/new",
    "/audiences/new?kind=file",
    "{audience}",
    "{audience}?tab=definition",
    "{audience}?tab=runs",
    "{audience}?tab=snapshots",
    "{audience}?tab=activations",
    "{audience}?tab=options",
    "{computed}",
    "{computed}?tab=schedule",
    "/datasets",
    "/datasets/new",
    "/datasets/new?kind=database",
    "/datasets/new?kind=object",
    "{dataset}",
    "{dataset}?tab=reading",
    "{dataset}?tab=former",
    "{dataset}?tab=users",
    "{database}",
    "{database}?tab=columns",
    "/activations?activity=finished",
    "/activations/new/goal",
    "/activations/new/audiences?goal=segment",
    "/activations/new/columns?goal=segment&dataset={dataset_id}",
    "/activations/new/schedule?goal=segment&audience={audience_id}&frequency=daily",
    "/activations/new/destination?goal=segment&audience={audience_id}&frequency=daily&destination={account}",
    "/activations/new/settings?goal=segment&audience={audience_id}&frequency=daily&destination={account}&split=own",
    "/activations/new/settings?goal=segment&audience={audience_id}&frequency=once&destination={account}",
    "{activation}/start",
    "{activation}",
    "{activation}?tab=mapping",
    "{activation}?tab=options",
    "{activation}?tab=held",
    "{activation}?tab=held&search=p1",
    "{activation}?tab=test",
    "{activation}?tab=revisions",
    "{activation}?tab=audit",
    "{activation}/profiles?id=..",
    "{settled}",
    "{settled}/left-out",
    "{settled}/left-out?reason=no_consent",
    "{sync}",
)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def fill_pages(flow: Flow) -> list[str]:
    """Fill the space. Returns the paths of all pages."""
    await flow.upload({"profile_id": f"p{n}", "agreed": n < 2} for n in range(20))
    activation = await flow.activate(resync=True, brake=True)
    await flow.quiet(activation)
    flow.receiver.refused = {"p1": "blocked"}
    asked = await flow.activate(resync=True, consent="agreed")
    settled = await flow.quiet(asked)
    flow.receiver.refused = {}
    assert (settled.rejected, settled.left_out) == (1, {"no_consent": 18})
    await flow.upload([{"profile_id": "new"}])
    sync = await flow.quiet(activation)
    assert sync.state == "held"
    path = f"/audiences/{flow.audience_id}/activations/{activation}"
    dataset = await _dataset(flow)
    database = await _database(flow)
    paths = {
        "audience": f"/audiences/{flow.audience_id}",
        "computed": f"/audiences/{await _computed(flow)}",
        "dataset": f"/datasets/{dataset}",
        "dataset_id": dataset,
        "database": f"/datasets/{database}",
        "activation": path,
        "sync": f"{path}/syncs/{sync.id}",
        "settled": f"/audiences/{flow.audience_id}/activations/{asked}/syncs/{settled.id}",
        "audience_id": flow.audience_id,
        "account": flow.destination_id,
        "destination": f"/destinations/{flow.destination_id}",
        "erasure": f"/erasures/{await ask_to_erase(flow, 'gone@example.com')}",
    }
    return [page.format(**paths) for page in PAGES]


async def _dataset(flow: Flow) -> str:
    """Add a dataset whose content was replaced once. Returns its id."""
    async with flow.platform.unit_of_work() as session:
        made = await datasets.create_dataset(
            session,
            flow.platform.keyring,
            workspace_id=await flow.workspace_id(),
            space_id=flow.space_id,
            name="orders",
            kind="upload",
            source=None,
            actor=ACTOR,
        )
    for content in (
        b"id;e-mail\n1;ada@example.com\n",
        b"id;e-mail;total\n1;ada@example.com;2.5\n\n2;;3\n",
    ):
        await datasets.put_dataset_content(
            flow.platform,
            _pieces(content),
            space_id=flow.space_id,
            dataset_id=made.id,
            content_type="text/csv",
            content_encoding=None,
            announced=None,
            actor=ACTOR,
            now=clock.now(),
        )
    return made.id


async def _computed(flow: Flow) -> str:
    """Add an audience with a definition over the dataset, and a schedule. Returns its id."""
    async with flow.platform.unit_of_work() as session:
        made = await audiences.create_audience(
            session,
            space_id=flow.space_id,
            name="Customers",
            query='SELECT id AS profile_id, "e-mail" AS email, total FROM orders',
            audience_type="USERS",
            actor=ACTOR,
            now=clock.now(),
        )
        await audiences.add_schedule(
            session,
            space_id=flow.space_id,
            audience_id=made.audience.id,
            strategy="PERIODIC",
            config={"interval": "1h"},
            actor=ACTOR,
            now=clock.now(),
        )
    return made.audience.id


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _database(flow: Flow) -> str:
    """Add a dataset in a database. Returns its id."""
    source = {
        "host": "warehouse.example.com",
        "database": "shop",
        "user": "reader",
        "password": "secret-of-the-database",
    }
    async with flow.platform.unit_of_work() as session:
        made = await datasets.create_dataset(
            session,
            flow.platform.keyring,
            workspace_id=await flow.workspace_id(),
            space_id=flow.space_id,
            name="warehouse",
            kind="postgres",
            source=source,
            actor=ACTOR,
        )
    return made.id


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_each_page_is_accessible_and_quiet(
    console: Console, scheme: Literal["light", "dark"]
) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page(color_scheme=scheme)
    for path in pages:
        response = await page.goto(console.space + path)
        assert response is not None
        assert (path, response.status) == (path, 200)
        policy = response.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert await console.accessible(page) == [], (scheme, path)
    assert console.faults == []


async def test_each_page_fits_360_pixels(console: Console) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page(viewport={"width": 360, "height": 740})
    for path in pages:
        await page.goto(console.space + path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
    assert console.faults == []


async def test_each_page_fits_long_names(console: Console) -> None:
    pages = await fill_pages(console.flow)
    async with console.flow.platform.unit_of_work() as session:
        for table in ("space", "audience", "activation", "destination", "api_token"):
            await session.execute(text(f"UPDATE {table} SET name = repeat('Wm', 127)"))
    for width in (360, 1280):
        page = await console.page(viewport={"width": width, "height": 740})
        for path in pages:
            await page.goto(console.space + path)
            found = await page.evaluate(
                "[document.documentElement, document.querySelector('main')].map((one) => one.scrollWidth - one.clientWidth)"
            )
            assert max(found) <= 0, (width, path)
        await page.context.close()
    assert console.faults == []


async def test_the_keyboard_focus_is_seen(console: Console) -> None:
    pages = await fill_pages(console.flow)
    chosen = [one for one in pages if "tab=options" in one or "/new" in one or one == "/settings"]
    page = await console.page(reduced_motion="reduce")
    seen: set[str] = set()
    for path in chosen:
        await page.goto(console.space + path)
        for _ in range(60):
            await page.keyboard.press("Tab")
            tag, is_inner, focused, left = await page.evaluate(
                """(() => {
                    const one = document.activeElement, style = getComputedStyle(one);
                    const look = () => [style.outlineStyle, style.outlineWidth, style.boxShadow].join(" ");
                    const focused = look(), is_inner = !one.matches(":focus");
                    (one.shadowRoot?.activeElement ?? one).blur();
                    return [one.tagName + "." + (one.type ?? ""), is_inner, focused, look()];
                })()"""
            )
            if tag.startswith("BODY"):
                break
            if is_inner:
                continue  # the button of a time or date, whose focus the browser shows
            assert focused != left, (path, tag, focused)
            seen.add(tag)
    assert seen > {"A.", "SUMMARY.", "BUTTON.submit", "INPUT.text", "SELECT.select-one"}
    assert console.faults == []


async def test_each_page_works_without_scripts(console: Console) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page(java_script_enabled=False)
    for path in pages:
        await page.goto(console.space + path)
        assert await page.locator("h1").count() == 1
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(f"{console.url}/console/sign-in")
    assert console.faults == []


async def test_scripts_add_keys_copies_and_local_times(console: Console) -> None:
    await fill_pages(console.flow)
    page = await console.page(timezone_id="America/New_York", locale="en-US")
    await page.goto(f"{console.space}/activations")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "search"
    await page.keyboard.type("none")
    await page.get_by_text("No activation matches").wait_for()
    assert "search=none" in page.url
    assert await page.evaluate("document.activeElement.id") == "search", "focus stays after a swap"
    assert console.faults == []


async def test_a_wrong_token_is_said_beside_its_field(console: Console) -> None:
    console.expected.add(401)
    page = await console.page(signed_in=False)
    await page.goto(f"{console.url}/console")
    assert await console.accessible(page) == []
    await page.get_by_label("API token").fill("aact_live_wrong")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_text("The token is not valid.").wait_for()
    assert await page.get_by_label("API token").get_attribute("aria-describedby") == "token-fault"
    assert console.faults == []


async def test_a_sync_on_hold_is_approved_without_scripts(console: Console) -> None:
    console.expected.add(422)
    pages = await fill_pages(console.flow)
    page = await console.page(java_script_enabled=False)
    await page.goto(console.space)
    await page.get_by_role("link", name="Test, sync 2").click()
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_text("Type the number of members that leave.").first.wait_for()
    await page.get_by_label("Type the number").fill("20")
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_text("Sync 2 was approved.").wait_for()
    assert page.url == console.space + pages[-1]
    assert console.faults == []


async def test_an_open_sync_is_followed_live_and_then_left_alone(console: Console) -> None:
    flow = console.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    page = await console.page()
    await page.goto(f"{console.space}/audiences/{flow.audience_id}/activations/{activation}")
    assert await page.locator("#state[hx-trigger]").count() == 1
    await flow.quiet(activation)
    await page.get_by_text("The last sync sent 3 of 3 changes.").wait_for()
    assert await page.locator("#state[hx-trigger]").count() == 0, "nothing is open any more"
    assert console.faults == []


async def test_what_was_rejected_is_retried_and_the_profile_is_explained(console: Console) -> None:
    flow = console.flow
    await flow.upload({"profile_id": f"p{n}"} for n in range(4))
    flow.receiver.refused = {"p1": "blocked"}
    activation = await flow.activate(resync=True)
    rejected = await flow.quiet(activation)
    flow.receiver.refused = {}
    path = f"{console.space}/audiences/{flow.audience_id}/activations/{activation}"
    page = await console.page()
    await page.goto(f"{path}/syncs/{rejected.id}")
    await page.get_by_role(
        "button", name="Retry what was rejected: Rejected by the receiver"
    ).click()
    await page.get_by_text(
        "Sync 2 sends once more what was rejected (Rejected by the receiver)."
    ).wait_for()
    await flow.quiet(activation)
    await page.goto(f"{path}/profiles/p1")
    await page.get_by_text("Hook has it").first.wait_for()
    said = [" ".join(one.split()) for one in await page.get_by_role("row").all_inner_texts()]
    assert [one for one in said if "Sync 1" in one and "blocked" in one], said
    assert [one for one in said if "Sync 2" in one and "elivered" in one], said
    assert console.faults == []
