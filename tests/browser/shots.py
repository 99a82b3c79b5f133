"""Pictures of every page of the console and of the sandbox: light, dark, and 360 pixels wide.

``make shots TO=folder`` writes them all. ``make shots TO=docs/images DOCS=yes`` writes only those that the documents show.
pytest collects this file only if it is named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from app.core.config import Settings
from app.sandbox.sandbox import Sandbox
from tests.browser.conftest import Console
from tests.browser.shop import Shop, klaviyo_sandbox, open_shop
from tests.browser.test_pages import PAGES
from tests.flow import worker

#: Pages beside those of the tests.
MORE = (
    "{buyers}",
    "{buyers}?tab=mapping",
    "{klaviyo}",
    "{klaviyo}?tab=mapping",
    "{buyers}?tab=options",
    "{buyers}?tab=revisions",
    "{buyers}?tab=held",
    "{klaviyo_account}",
    "{klaviyo_account}?tab=lists",
    "{klaviyo_account}?tab=mapping",
    "{computed}?tab=definition",
    "{computed}?tab=members",
    "{computed}?tab=runs",
    "{computed}?tab=snapshots",
    "{computed}?tab=activations",
    "{draft}",
    "{draft}/start",
    "/activations?activity=inactive",
    "/profile?search=p5",
    "{activation}/profiles/p5",
    "/destinations/new/klaviyo",
    "/destinations/new/braze",
)
EMPTY = ("", "/activations", "/syncs", "/audiences", "/datasets", "/destinations", "/erasures")
SANDBOX = ("", "/webhook", "/webhook/requests/1", "/faults")
MODES: Mapping[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}
#: Pictures of the documents: the file, the page, and the height in pixels.
DOCS: Mapping[str, tuple[str, int]] = {
    "home": ("", 760),
    "activations": ("/activations", 520),
    "activation": ("{buyers}", 860),
    "new-activation": (
        "/activations/new/settings?goal=segment&audience={buyers_id}&frequency=daily&destination={klaviyo_id}&split=ab",
        900,
    ),
    "start": ("{draft}/start", 860),
    "held-sync": ("{sync}", 820),
    "rejections": ("{settled}", 900),
    "profile": ("{activation}/profiles/p5", 760),
    "audience": ("{computed}?tab=definition", 860),
    "dataset": ("{dataset}?tab=reading", 760),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings for a busy machine, on which partners respond late."""
    late = {
        "http_total_timeout": timedelta(seconds=60),
        "http_connect_timeout": timedelta(seconds=60),
        "lease": timedelta(minutes=3),
        "sweep_interval": timedelta(seconds=5),
    }
    return settings.model_copy(update=late)


def _folder() -> Path:
    folder = Path(os.environ["SHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _file(path: str, number: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"
    return f"{number:02}-{plain[:60]}"


@pytest.mark.timeout(1800)
async def test_every_page_is_pictured(console: Console) -> None:
    folder = _folder()
    console.expected.update({401, 404, 409, 422})
    async with klaviyo_sandbox() as klaviyo, worker(console.flow.platform):
        shop = await open_shop(console, klaviyo)
        await _pictures_of_documents(console, shop, folder)
        if not os.environ.get("DOCS"):
            await _all_pictures(console, shop, klaviyo, folder, os.environ.get("ONLY", ""))
        await shop.http.aclose()
    # The sandbox's pages are those of another host.
    faults = [one for one in console.faults if not one.startswith("a request to another host")]
    assert faults == []


async def _pictures_of_documents(console: Console, shop: Shop, folder: Path) -> None:
    page = await console.page(color_scheme="light", viewport={"width": 1200, "height": 800})
    for name, (path, height) in DOCS.items():
        await page.set_viewport_size({"width": 1200, "height": height})
        await page.goto(f"{console.url}/console/spaces/{shop.space}{path.format(**shop.paths)}")
        await _settled(page)
        await page.screenshot(path=folder / f"{name}.png")


async def _all_pictures(
    console: Console, shop: Shop, klaviyo: Sandbox, folder: Path, only: str
) -> None:
    space = f"{console.url}/console/spaces/{shop.space}"
    made = await shop.http.post("/spaces", json={"name": "Empty"})
    empty = f"{console.url}/console/spaces/{made.json()['data']['space']['id']}"
    addresses = {path: space + path.format(**shop.paths) for path in (*PAGES, *MORE)}
    addresses |= {f"empty {path}": empty + path for path in EMPTY}
    webhook = f"{console.flow.sandbox.urls['webhook']}/_control/page"
    addresses |= {f"sandbox {path}": webhook + path for path in SANDBOX}
    addresses["sandbox klaviyo"] = f"{klaviyo.urls['klaviyo']}/_control/page/klaviyo"
    chosen = os.environ.get("MODE") or " ".join(MODES)
    for mode in chosen.split():
        page = await console.page(**MODES[mode])
        page.set_default_timeout(60_000)
        for number, (path, address) in enumerate(addresses.items()):
            if only in path:
                await page.goto(address)
                await _picture(page, folder / f"{_file(path, number)}-{mode}.png")
        for name, show in FORMS.items():
            if only in name:
                await show(page, space, shop)
                await _picture(page, folder / f"form-{name}-{mode}.png")
        await page.context.close()


async def _picture(page: Page, file: Path) -> None:
    await _settled(page)
    await page.screenshot(path=file, full_page=True)


async def _settled(page: Page) -> None:
    """Wait until scripts have drawn what they draw."""
    await page.wait_for_load_state("load")
    await page.wait_for_timeout(150)


# Forms with faults


async def _new_token(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}/settings")
    await page.get_by_text("New token…").click()
    await page.get_by_role("button", name="Create the token").click()


async def _new_account(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}/destinations/new/klaviyo")
    await page.get_by_label("API key", exact=True).fill("abcdef")
    await page.get_by_role("button", name="Check and add").click()


async def _definition(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}/audiences/new")
    await page.get_by_label("Name", exact=True).fill("Wrong")
    await page.evaluate(
        "const area = document.querySelector('textarea[name=query]'); area.value = 'SELECT custmer_id AS profile_id FROM purchases';"
    )
    await page.evaluate("document.querySelector('textarea[name=query]').form.submit()")


async def _identifiers(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}{shop.paths['klaviyo']}?tab=mapping")
    for number in range(1, 6):
        await page.get_by_label(f"Identifier {number}", exact=True).select_option("")
    await page.get_by_role("button", name="Save the identifiers").click()


async def _approval(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}{shop.paths['sync']}")
    await page.get_by_label("Type the number").fill("1")
    await page.get_by_role("button", name="Approve").click()


async def _options(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}{shop.paths['klaviyo']}?tab=options")
    await page.get_by_text("Protection and notifications", exact=True).click()
    await page.get_by_label("It waits from this share on").fill("many")
    await page.get_by_role("button", name="Save the options").click()


async def _upload(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}/datasets/new")
    await page.get_by_role("button", name="Upload").click()


async def _no_such_page(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}/nothing")


async def _row_actions(page: Page, space: str, shop: Shop) -> None:
    await page.goto(f"{space}/activations")
    if await page.get_by_text("Actions of Readers to the shop").is_visible():
        await page.get_by_text("Actions of Readers to the shop").click()


FORMS: Mapping[str, Any] = {
    "new-token": _new_token,
    "new-account": _new_account,
    "definition": _definition,
    "identifiers": _identifiers,
    "approval": _approval,
    "options": _options,
    "upload": _upload,
    "no-such-page": _no_such_page,
    "row-actions": _row_actions,
}


async def test_the_sign_in_is_pictured(console: Console) -> None:
    if os.environ.get("DOCS"):
        pytest.skip("the documents do not show it")
    folder = _folder()
    console.expected.add(401)
    for mode, options in MODES.items():
        page = await console.page(signed_in=False, **options)
        await page.goto(f"{console.url}/console")
        await page.get_by_label("API token").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await _picture(page, folder / f"form-sign-in-{mode}.png")
