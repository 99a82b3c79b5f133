"""Chromium in front of a running installation. Each page of it is watched: its console, its requests, its errors."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from app.core import clock
from app.main import create_app
from app.services.platform.platform import Platform
from app.services.tenancy import tokens
from tests.flow import Flow, installation
from tests.serving import listening
from tests.stepping import stepped

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder; without Chromium they are skipped, except in CI, where they fail."""
    for item in items:
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None and "CI" not in os.environ:
            item.add_marker(pytest.mark.skip(reason="Debian's package chromium is not installed"))


@dataclass
class Watched:
    """A running server, and pages of a browser in front of it."""

    url: str
    chromium: Browser
    faults: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)  # statuses of which the browser may complain

    async def page(self, **options: Any) -> Page:
        """Open an empty page in a browser of its own. ``options`` are Playwright's of a context."""
        context = await self.chromium.new_context(**options)
        page = await context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", lambda request: self._see(request.url))
        return page

    def _hear(self, kind: str, text: str) -> None:
        allowed = any(f"status of {status}" in text for status in self.expected)
        if kind in ("error", "warning") and not allowed:
            self.faults.append(f"{kind}: {text}")

    def _see(self, address: str) -> None:
        if not address.startswith((self.url, "data:")):
            self.faults.append(f"a request to another host: {address}")

    async def accessible(self, page: Page) -> list[str]:
        """Return what axe finds on a page, except what it counts as minor."""
        found = await Axe().run(page)
        return [
            f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
            for one in found.response["violations"]
            if one["impact"] != "minor"
        ]


@dataclass(kw_only=True)
class Console(Watched):
    """A running installation, and pages of a browser in front of it."""

    flow: Flow
    token: str

    @property
    def space(self) -> str:
        """The address of the space."""
        return f"{self.url}/console/spaces/{self.flow.space_id}"

    async def page(self, *, signed_in: bool = True, **options: Any) -> Page:
        """Open a page as ``Watched`` does, signed in by the form."""
        page = await super().page(**options)
        if signed_in:
            await page.goto(f"{self.url}/console/sign-in")
            await page.get_by_label("API token").fill(self.token)
            await page.get_by_role("button", name="Sign in").click()
            await page.wait_for_url(self.space)
        return page


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser without pages."""
    assert CHROMIUM is not None, "install Debian's package chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def console(platform: Platform, chromium: Browser) -> AsyncIterator[Console]:
    """The console of an installation; what is due is done when the test waits for it."""
    async with (
        installation(platform) as flow,
        listening(create_app(platform.settings, platform=platform)) as url,
    ):
        async with platform.unit_of_work() as session:
            _, token = await tokens.create_token(
                session,
                keyring=platform.keyring,
                workspace_id=await flow.workspace_id(),
                name="browser",
                scopes=tokens.SCOPES,
                now=clock.now(),
            )
        yield Console(url, chromium, flow=stepped(flow), token=token)
