"""A new user takes a messy file from an empty space to an A/B split of lists at Klaviyo's emulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, TimeoutError

from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.services.tenancy import spaces
from tests.browser.conftest import Console
from tests.flow import ACTOR, eventually, worker

#: Semicolons, a misspelt column, two bad addresses, an umlaut, an address twice in another case.
PEOPLE = "Kunden-ID;emial;Vorname;Stadt\r\n" + "".join(
    f"{number};{address};{name};{town}\r\n"
    for number, address, name, town in (
        (101, "ada@example.com", "Ada", "London"),
        (102, "jörg(at)example.com", "Jörg", "Köln"),
        (103, "eve@example", "Eve", "Rom"),
        *((number, f"p{number}@example.com", f"P{number}", "Bonn") for number in range(104, 124)),
    )
)
WANTED = {"ada@example.com", *(f"p{number}@example.com" for number in range(104, 124))}


async def _empty_space(console: Console) -> str:
    """Create a space without anything. Returns the address of its pages."""
    async with console.flow.platform.unit_of_work() as session:
        space = await spaces.create_space(
            session,
            workspace_id=await console.flow.workspace_id(),
            name="Empty",
            slug=None,
            actor=ACTOR,
        )
    return f"{console.url}/console/spaces/{space.id}"


class Clicks:
    """What the user does on a page, counted."""

    def __init__(self, console: Console, page: Page, scripts: bool) -> None:
        self.console, self.page, self.scripts = console, page, scripts
        self.done: list[str] = []

    async def click(self, role: Any, name: str) -> None:
        """Click a control by its name. The page is looked at with axe before."""
        if self.scripts:  # axe is one
            assert await self.console.accessible(self.page) == [], self.page.url
        self.done.append(name)
        await self.page.get_by_role(role, name=name, exact=True).first.click()

    async def choose(self, label: str) -> None:
        """Choose a radio button by the text beside it."""
        self.done.append(label)
        await self.page.get_by_text(label).first.click()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_messy_file_becomes_two_lists(
    console: Console, tmp_path: Path, scripts: bool
) -> None:
    file = tmp_path / "Newsletter März.csv"
    file.write_bytes(PEOPLE.encode("utf-8-sig"))
    emulator = KlaviyoEmulator(job_seconds=0, limits=False)
    async with Sandbox([emulator]) as sandbox, worker(console.flow.platform):
        space = await _empty_space(console)
        page = await console.page(java_script_enabled=scripts)
        user = Clicks(console, page, scripts)
        await page.goto(space)
        await user.click("link", "Upload a list")
        await page.get_by_label("File", exact=True).set_input_files(file)
        await user.click("button", "Upload")
        await page.get_by_text("23 rows were read.").wait_for()
        assert await page.get_by_label("emial").input_value() == "email", "what it looks like"
        assert await page.get_by_label("What tells people apart?").input_value() == "Kunden-ID"
        await user.click("button", "Create the audience")
        await _reloaded_until(page, "row", "23", scripts)
        assert await page.get_by_text("is being computed").count() == 0, "the message has ended"
        assert not await page.locator("#file").is_visible(), "the form of the upload is closed"
        await user.click("button", "Continue")

        assert await page.get_by_label("When is it sent?").input_value() == "once", "it is proposed"
        await user.click("button", "Continue")

        await user.click("link", "Klaviyo Keeps a Klaviyo list equal to the audience.")
        await page.get_by_label("API key", exact=True).fill("pk_sandbox")
        await page.get_by_label("Base URL (optional)").fill(sandbox.urls["klaviyo"])
        await user.click("button", "Check and add")
        await page.get_by_text("21 of 23").wait_for()
        await page.get_by_text("2: without a valid identifier").wait_for()
        await user.click("button", "Continue")

        name = page.get_by_label("Name", exact=True)
        assert (await name.input_value()).startswith("Newsletter marz to Klaviyo, 20")
        await name.fill("Spring")
        await user.choose("A/B: about half each")
        chosen = page.get_by_label("First name")
        assert await chosen.input_value() == "column:Vorname", "it is proposed"
        if scripts:
            await page.get_by_text("Creates the lists Spring (A), Spring (B).").wait_for()
            await page.locator("#sample").get_by_text("Jörg", exact=True).wait_for()
            await page.reload()
        else:
            await user.click("button", "Show the sample again")
        assert await name.input_value() == "Spring", "it survives"
        assert await page.get_by_label("A/B: about half each").is_checked()
        await page.get_by_text("Creates the lists Spring (A), Spring (B).").wait_for()
        if scripts:  # the address of the step before has no settings
            await page.go_back()
            assert "split=" not in page.url
            await _on_again(page)
        await page.get_by_role("button", name="Back", exact=True).click()
        await _on_again(page)
        await user.click("button", "Save and review")

        await _reloaded_until(page, "definition", "21", scripts)
        await page.get_by_text("2 without a valid identifier").wait_for()
        await page.get_by_role("cell", name="Spring (A) would be created").wait_for()
        assert emulator.lists() == [], "nothing is sent"
        assert await page.get_by_label("Send the 21 who are in it now").is_checked(), "the only one"
        await user.click("button", "Start")
        await page.get_by_text("Spring is enabled.").wait_for()
        lists = await eventually(lambda: _complete(emulator), 30)
        await _reloaded_until(page, "row", "Spring (A)", scripts)
        for name, members in lists.items():
            cells = page.get_by_role("row").filter(has_text=name).get_by_role("cell")
            assert await cells.nth(5).inner_text() == str(len(members)), "delivered to this list"

        again = page.get_by_text("Send again…")
        if scripts:
            await again.wait_for()  # without a reload
        assert await page.get_by_role("button", name="Sync now", exact=True).count() == 0

    arms = {name: {one["email"] for one in members} for name, members in lists.items()}
    assert set.union(*arms.values()) == WANTED
    assert sum(len(emails) for emails in arms.values()) == 21, "each is in one list"
    assert sorted(arms) == ["Spring (A)", "Spring (B)"]
    ada = next(
        one for members in lists.values() for one in members if one["email"] == "ada@example.com"
    )
    assert ada["first_name"] == "Ada"
    assert emulator.stats()["violations"] == 0
    assert console.faults == []
    assert len(user.done) <= 13, user.done


async def _on_again(page: Page) -> None:
    """Continue from the destination to the settings, which are as they were chosen."""
    await page.get_by_text("21 of 23").wait_for()
    await page.get_by_role("button", name="Continue", exact=True).click()
    await page.get_by_text("Creates the lists Spring (A), Spring (B).").wait_for()
    assert await page.get_by_label("Name", exact=True).input_value() == "Spring"
    assert await page.get_by_label("A/B: about half each").is_checked()
    assert await page.get_by_label("First name").input_value() == "column:Vorname"


def _complete(emulator: KlaviyoEmulator) -> dict[str, list[dict[str, Any]]] | None:
    found = {one["name"]: emulator.members(one["id"]) or [] for one in emulator.lists()}
    return found if sum(map(len, found.values())) >= 21 else None


async def _reloaded_until(page: Page, role: Any, text: str, scripts: bool) -> None:
    """Wait until the page shows a text; without scripts, by reloading it."""
    found = page.get_by_role(role).filter(has_text=text).first
    if scripts:
        await found.wait_for()
        return

    async def look() -> bool:
        try:
            await found.wait_for(timeout=1_000)  # while the next page comes, too
        except TimeoutError:
            await page.reload()
            return False
        return True

    await eventually(look, 30, every=0.1)
