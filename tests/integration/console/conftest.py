"""A signed-in browser without scripts, in front of a running installation."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
import pytest

from app.core import clock
from app.main import create_app
from app.services.platform.platform import Platform
from app.services.tenancy import tokens
from app.storage.models import Space
from tests.flow import Flow, installation
from tests.stepping import stepped

BASE = "http://console.test"


@dataclass
class Browser:
    """What a visitor without scripts does: open pages, and send the forms that are on them."""

    http: httpx.AsyncClient
    flow: Flow
    page: httpx.Response | None = None

    @property
    def text(self) -> str:
        """The text of the page, without markup."""
        assert self.page is not None
        body = re.sub(r"(?s)<(script|style|svg)\b.*?</\1>", " ", self.page.text)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

    async def open(self, path: str) -> httpx.Response:
        """Open a page of the space, or one by its whole address."""
        address = (
            path
            if path.startswith("/")
            else f"/console/spaces/{self.flow.space_id}/{path}".rstrip("/")
        )
        self.page = await self.http.get(address, follow_redirects=True)
        return self.page

    def form(self, action: str) -> dict[str, str]:
        """Return the hidden fields of the form with an action; AssertionError if the page does not have it."""
        assert self.page is not None
        found = re.search(rf'(?s)<form[^>]*action="{re.escape(action)}".*?</form>', self.page.text)
        assert found, f"no form for {action}"
        return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0]))

    async def send(self, action: str, fields: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send the form with an action, which must be on the page."""
        self.page = await self.post(action, {**self.form(action), **(fields or {})})
        return self.page

    async def post(
        self, action: str, fields: Mapping[str, Any], *, origin: str | None = BASE
    ) -> httpx.Response:
        """Send fields, whatever the page has."""
        headers = {"Origin": origin} if origin else {}
        return await self.http.post(action, data=fields, headers=headers, follow_redirects=True)

    async def attach(
        self, action: str, name: str, content: bytes, fields: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        """Send the form with an action, which must be on the page, with a file."""
        self.page = await self.post_file(
            action, {**self.form(action), **(fields or {})}, name, content
        )
        return self.page

    async def post_file(
        self, action: str, fields: Mapping[str, str], name: str, content: bytes
    ) -> httpx.Response:
        """Send fields and a file, whatever the page has. Browsers do not know the type of every file."""
        return await self.http.post(
            action,
            data=fields,
            files={"file": (name, content, "application/octet-stream")},
            headers={"Origin": BASE},
            follow_redirects=True,
        )

    async def token(self, *scopes: str, **more: object) -> str:
        """Create a token of the workspace with these scopes."""
        async with self.flow.platform.unit_of_work() as session:
            space = await session.get(Space, self.flow.space_id)
            assert space is not None
            _, text = await tokens.create_token(
                session,
                keyring=self.flow.platform.keyring,
                workspace_id=space.workspace_id,
                name="browser",
                scopes=scopes or ("read", "write"),
                now=clock.now(),
                **more,  # type: ignore[arg-type]
            )
        return text

    async def sign_in(self, *scopes: str) -> None:
        """Sign in with a new token, by the form."""
        await self.open("/console/sign-in")
        await self.send("/console/sign-in", {"token": await self.token(*scopes)})


def form_of(text: str, action: str) -> dict[str, Any]:
    """Return the fields of the form with an action, as a browser sends them."""
    found = re.search(rf'(?s)<form[^>]*action="{re.escape(action)}".*?</form>', text)
    assert found, f"no form for {action}"
    fields: dict[str, list[str]] = {}
    for tag in re.finditer(r"(?s)<input\b[^>]*>|<select\b.*?</select>", found[0]):
        one = tag[0]
        name = re.search(r'\bname="([^"]*)"', one)
        if name is None:
            continue
        if one.startswith("<select"):
            options = re.findall(r'<option value="([^"]*)"( selected)?', one)
            chosen = [value for value, mark in options if mark] or [options[0][0]]
            fields.setdefault(name[1], []).append(unescape(chosen[-1]))
            continue
        if re.search(r'type="(checkbox|radio)"', one) and " checked" not in one:
            continue
        value = re.search(r'\bvalue="([^"]*)"', one)
        fields.setdefault(name[1], []).append(unescape(value[1]) if value else "")
    return fields


@pytest.fixture
async def visitor(platform: Platform) -> AsyncIterator[Browser]:
    """A visitor who has not signed in; what is due is done when the test waits for it."""
    application = create_app(platform.settings, platform=platform)
    transport = httpx.ASGITransport(app=application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url=BASE) as http,
        installation(platform) as flow,
    ):
        yield Browser(http, stepped(flow))


@pytest.fixture
async def browser(visitor: Browser) -> Browser:
    """A visitor who has signed in with all permissions."""
    await visitor.sign_in()
    return visitor
