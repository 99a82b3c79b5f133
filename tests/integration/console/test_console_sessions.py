"""Sign-in, sign-out, and who may send a form."""

from __future__ import annotations

from datetime import timedelta

import httpx

from app.core import clock
from app.services import tenancy
from tests.integration.console.conftest import Browser

SIGN_IN = "/console/sign-in"


async def test_a_token_signs_in_and_leads_back(visitor: Browser) -> None:
    page = await visitor.open("activations?search=vip")
    assert page.url.path == SIGN_IN, "without a session, each page leads to the sign-in"
    assert "Sign in" in visitor.text
    wrong = await visitor.send(SIGN_IN, {"token": "aact_live_wrong"})
    assert wrong.status_code == 401
    assert "The token is not valid." in visitor.text
    await visitor.open("activations?search=vip")
    page = await visitor.send(SIGN_IN, {"token": await visitor.token()})
    assert (page.status_code, page.url.path, page.url.params["search"]) == (
        200,
        f"/console/spaces/{visitor.flow.space_id}/activations",
        "vip",
    )
    cookie = page.history[0].headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie, "by http the browser would drop it"
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    await visitor.send("/console/sign-out")
    assert (await visitor.open("activations")).url.path == SIGN_IN


async def test_a_sign_out_ends_its_session_also_in_a_copy_of_the_cookie(browser: Browser) -> None:
    name = next(one for one in browser.http.cookies if "session" in one)
    copied = browser.http.cookies[name]
    await browser.open("")
    await browser.send("/console/sign-out")
    await browser.sign_in()
    own = browser.http.cookies[name]
    browser.http.cookies.set(name, copied, domain="console.test", path="/console")
    assert (await browser.open("activations")).url.path == SIGN_IN
    browser.http.cookies.set(name, own, domain="console.test", path="/console")
    assert (await browser.open("activations")).url.path != SIGN_IN, "another session goes on"
    async with browser.flow.platform.unit_of_work() as session:
        later = clock.now() + timedelta(days=31)
        assert await tenancy.forget_ended_sessions(session, now=clock.now()) == 0
        assert await tenancy.forget_ended_sessions(session, now=later) == 1


async def test_a_session_ends_with_its_token(visitor: Browser) -> None:
    ends = clock.now() + timedelta(seconds=90)
    token = await visitor.token("read", expires_at=ends)
    await visitor.open(SIGN_IN)
    page = await visitor.send(SIGN_IN, {"token": token})
    assert 80 <= int(page.history[0].headers["set-cookie"].split("Max-Age=")[1].split(";")[0]) <= 90
    async with visitor.flow.platform.unit_of_work() as session:
        await tenancy.revoke_token(
            session, await visitor.flow.workspace_id(), token.split("_")[2], now=clock.now()
        )
    assert (await visitor.open("")).url.path == SIGN_IN, "a revoked token ends its sessions"


async def test_a_cookie_that_was_changed_is_refused(browser: Browser) -> None:
    name = next(one for one in browser.http.cookies if "session" in one)
    genuine = browser.http.cookies[name]
    version, token_id, nonce, _, signature = genuine.split(".")
    later = str(int(clock.now().timestamp()) + 10**8)
    for forged in (
        f"{version}.{token_id}.{nonce}.{later}.{signature}",
        genuine[:-2] + "AA",
        "1.2.3",
        "ä.b.c.d.e",
    ):
        browser.http.cookies.clear()
        browser.http.headers["Cookie"] = f"{name}={forged}".encode("latin-1").decode("latin-1")
        assert (await browser.open("")).url.path == SIGN_IN, forged


async def test_a_link_signs_in_once(visitor: Browser) -> None:
    platform = visitor.flow.platform
    async with platform.unit_of_work() as session:
        link = await tenancy.create_console_link(
            session,
            keyring=platform.keyring,
            workspace_id=await visitor.flow.workspace_id(),
            now=clock.now(),
        )
    refused = await visitor.http.get(
        f"/spaces/{visitor.flow.space_id}/activations", headers={"Authorization": f"Bearer {link}"}
    )
    assert refused.status_code == 403, "as a token, a link permits nothing"
    await visitor.open(f"{SIGN_IN}?link={link}")
    await visitor.open(f"{SIGN_IN}?link={link}")  # a preview of the link does not use it
    page = await visitor.send(SIGN_IN)
    assert page.url.path == f"/console/spaces/{visitor.flow.space_id}"
    visitor.http.cookies.clear()
    await visitor.open(f"{SIGN_IN}?link={link}")
    page = await visitor.send(SIGN_IN)
    assert page.status_code == 401
    assert "was used before" in visitor.text
    async with platform.unit_of_work() as session:
        old = await tenancy.create_console_link(
            session,
            keyring=platform.keyring,
            workspace_id=await visitor.flow.workspace_id(),
            now=clock.now() - timedelta(minutes=16),
        )
    await visitor.open(f"{SIGN_IN}?link={old}")
    assert (await visitor.send(SIGN_IN)).status_code == 401, "it is valid for 15 minutes"


async def test_forms_of_other_sites_are_refused(browser: Browser) -> None:
    await browser.open("")
    fields = browser.form("/console/sign-out")
    for origin, given in (
        ("https://evil.example", fields),
        ("null", fields),
        (None, fields),
        ("http://console.test", {}),
        ("http://console.test", {"form_token": "x"}),
    ):
        response = await browser.post("/console/sign-out", given, origin=origin)
        assert response.status_code == (403 if given else 415), (origin, given)
    await browser.open("/console/sign-in")
    assert (
        await browser.post(SIGN_IN, {"token": "x"}, origin="http://console.test")
    ).status_code == 403, "the form for a token has a form token, too"


async def test_a_sign_in_leads_to_pages_of_the_console_only(visitor: Browser) -> None:
    for wanted in ("https://evil.example/", "//evil.example", "/consoleevil\\@x", "/docs", ""):
        await visitor.open(f"{SIGN_IN}?next={wanted}")
        page = await visitor.send(SIGN_IN, {"token": await visitor.token()})
        assert page.url.host == "console.test"
        assert page.url.path.startswith("/console/"), wanted
        visitor.http.cookies.clear()


async def test_cookies_are_named_by_port_and_secure_under_https(visitor: Browser) -> None:
    visitor.http.base_url = httpx.URL("https://console.test")
    page = await visitor.http.get(SIGN_IN)
    assert "Secure" in page.headers["set-cookie"]
    page = await visitor.http.get("http://console.test:8123/console/sign-in")
    assert "activations_visitor_8123=" in page.headers["set-cookie"]


async def test_browsers_are_led_to_the_console_and_clients_are_not(visitor: Browser) -> None:
    page = await visitor.http.get("/", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/console")
    for method, accept in (("GET", "application/json"), ("GET", "*/*"), ("POST", "text/html")):
        other = await visitor.http.request(method, "/", headers={"Accept": accept})
        assert (other.status_code, other.json()["errors"][0]["type"]) == (404, "not-found")


async def test_what_is_missing_or_foreign_is_a_page_404(browser: Browser) -> None:
    for path in (
        "nothing-here",
        "/console/spaces/spa_other",
        "/console/spaces/%00",
        "/console/x/y",
    ):
        page = await browser.open(path)
        assert page.status_code == 404, path
        assert page.headers["content-type"].startswith("text/html")
        assert "Not found" in browser.text
