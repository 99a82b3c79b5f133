"""The sandbox's page in Chromium: live, without scripts, narrow, accessible."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, expect

from app.sandbox.sandbox import Sandbox
from tests.browser.conftest import Watched

PATHS = ("", "/webhook", "/webhook/lists/act_1", "/webhook/requests/1", "/klaviyo", "/faults")


@pytest.fixture
async def sandbox(chromium: Browser) -> AsyncIterator[Watched]:
    async with Sandbox() as running:
        yield Watched(running.urls["webhook"], chromium)


async def _deliver(url: str, *ids: str) -> int:
    entered = [{"id": one, "identifiers": {"email": f"{one}@example.com"}} for one in ids]
    data = {
        "activationId": "act_1",
        "audience": {"key": "vip", "name": "VIP customers"},
        "seq": 1,
        "entered": entered,
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{url}/hook", json={"data": data})
        await http.get(f"{url}/broken")  # a violation
    return answer.status_code


async def test_each_page_is_accessible_and_narrow_and_says_nothing_on_the_console(
    sandbox: Watched,
) -> None:
    sandbox.expected = {404}
    await _deliver(sandbox.url, *(f"member-{number}" for number in range(60)))
    wrong: list[str] = []
    for options in (
        {"color_scheme": "light", "viewport": {"width": 360, "height": 800}},
        {"color_scheme": "dark"},
    ):
        page = await sandbox.page(**options)
        for path in PATHS:
            await page.goto(f"{sandbox.url}/_control/page{path}")
            wrong += [f"{path}: {one}" for one in await sandbox.accessible(page)]
            wider = "document.documentElement.scrollWidth > innerWidth"
            if await page.evaluate(wider):
                wrong.append(f"{path}: wider than the window")
        await page.context.close()
    assert wrong + sandbox.faults == []


async def test_a_request_appears_without_a_reload_and_what_is_open_stays_open(
    sandbox: Watched,
) -> None:
    page = await sandbox.page()
    await page.goto(f"{sandbox.url}/_control/page/webhook")
    await expect(page.get_by_text("No requests yet")).to_be_visible()
    await page.get_by_text("Counters", exact=True).click()
    await page.evaluate("window.kept = true")
    await _deliver(sandbox.url, "ada")
    await expect(page.get_by_role("link", name="VIP customers")).to_be_visible(timeout=10_000)
    await expect(page.get_by_role("heading", name="1 violation")).to_be_visible()
    assert await page.locator("#counters").get_attribute("open") is not None
    assert await page.evaluate("window.kept") is True
    await page.get_by_role("link", name="VIP customers").click()
    await expect(page.get_by_role("rowheader", name="ada")).to_be_visible()
    await page.get_by_label("Id, e-mail").fill("nobody")
    await expect(page.get_by_text("No member found")).to_be_visible(timeout=10_000)
    assert sandbox.faults == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_fault_is_switched_on_and_off_by_forms(sandbox: Watched, scripts: bool) -> None:
    page = await sandbox.page(java_script_enabled=scripts)
    await page.goto(f"{sandbox.url}/_control/page/webhook")
    await page.get_by_role("link", name="Switch on a fault").click()
    await page.get_by_label("Status", exact=True).fill("429")
    await page.get_by_label("Retry-After").fill("7")
    await page.get_by_role("button", name="Switch on").click()
    await expect(page.get_by_text("Status 429, Retry-After 7 s.")).to_be_visible()
    assert [await _deliver(sandbox.url, "ada")] == [429]
    await page.reload()
    await expect(page.get_by_text("No fault is switched on")).to_be_visible()  # once: used up
    await page.get_by_label("Number of requests").fill("")
    await page.get_by_role("button", name="Switch on").click()
    await page.get_by_role("button", name="Switch off Error status").click()
    await expect(page.get_by_text("No fault is switched on")).to_be_visible()
    assert await _deliver(sandbox.url, "ada") == 200
    assert sandbox.faults == []
