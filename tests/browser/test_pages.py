"""Every page in Chromium: its policy, its accessibility, its width, its errors, and without scripts."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Console

#: Paths below the space.
PAGES = ("", "/activations", "/activations?search=none")
SCHEMES = ("light", "dark")


async def _filled(console: Console) -> None:
    flow = console.flow
    await flow.members(range(20))
    activation = await flow.activate(resync=True, brake=True)
    await flow.quiet(activation)
    await flow.upload([{"profile_id": "new"}])
    assert (await flow.quiet(activation)).state == "held"


@pytest.mark.timeout(300)
async def test_each_page_is_accessible_and_quiet(console: Console) -> None:
    await _filled(console)
    for scheme in SCHEMES:
        page = await console.page(color_scheme=scheme)
        for path in PAGES:
            response = await page.goto(console.space + path)
            assert response is not None
            assert (path, response.status) == (path, 200)
            policy = response.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert await console.accessible(page) == [], (scheme, path)
    assert console.faults == []


async def test_each_page_fits_360_pixels(console: Console) -> None:
    await _filled(console)
    page = await console.page(viewport={"width": 360, "height": 740})
    for path in PAGES:
        await page.goto(console.space + path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
    assert console.faults == []


async def test_each_page_works_without_scripts(console: Console) -> None:
    await _filled(console)
    page = await console.page(java_script_enabled=False)
    for path in PAGES:
        await page.goto(console.space + path)
        assert await page.locator("h1").count() == 1
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(f"{console.url}/console/sign-in")
    assert console.faults == []


async def test_scripts_add_keys_copies_and_local_times(console: Console) -> None:
    await _filled(console)
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
