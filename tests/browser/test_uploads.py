"""Uploads in Chromium: a file that is read, a large one that is refused before it is read, and a definition in the editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Console
from tests.stepping import Hand

PEOPLE = "profile_id;e-mail\n1;ada@example.com\n2;bob@example.com\n"


@pytest.mark.timeout(180)
async def test_a_file_is_uploaded_and_a_large_wrong_one_is_refused_with_its_reason(
    console: Console, tmp_path: Path
) -> None:
    console.expected.add(415)
    wrong = tmp_path / "people.xlsx"
    with wrong.open("wb") as file:
        file.truncate(40_000_000)
    right = tmp_path / "people.csv"
    right.write_text(PEOPLE)
    for scripts in (False, True):
        page = await console.page(java_script_enabled=scripts)
        await page.goto(f"{console.space}/datasets/new")
        name = f"people_{scripts}"
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("File", exact=True).set_input_files(wrong)
        await page.get_by_role("button", name="Upload").click()
        await page.get_by_text("people.xlsx is a spreadsheet.").first.wait_for()
        assert await page.get_by_label("Name").input_value() == name
        await page.get_by_label("File", exact=True).set_input_files(right)
        await page.get_by_role("button", name="Upload").click()
        await page.get_by_text(f"{name} has 2 rows.").wait_for()
        await page.get_by_role("cell", name="ada@example.com").wait_for()
    page = await console.page()
    await page.goto(f"{console.space}/datasets/new")
    await page.get_by_label("File", exact=True).focus()
    reached = []
    for _ in range(2):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.textContent"))
    assert [one.split(":")[0] for one in reached] == ["More", "Upload"], "the keyboard goes down"
    await page.goto(f"{console.space}/audiences/new")
    await page.get_by_label("Name").fill("Customers")
    editor = page.get_by_role("textbox", name="Definition")
    await editor.click()
    await page.keyboard.insert_text('SELECT profile_id, "e-mail" AS email FROM people_True')
    await page.get_by_role("button", name="Add and compute").click()
    await page.get_by_text("Customers was added.").wait_for()
    await Hand(console.flow).once()
    await page.get_by_text("Live").first.wait_for()
    await page.get_by_role("link", name="Members").click()
    await page.get_by_role("cell", name="bob@example.com").wait_for()
    assert console.faults == []
