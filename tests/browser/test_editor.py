"""The editor of SQL and JSON: what it shows beside the text is readable, light and dark."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Console
from tests.browser.test_pages import SCHEMES
from tests.unit.console.test_palette import contrast

_COLOURS = """(one) => {
    const own = getComputedStyle(one), tip = getComputedStyle(one.closest(".cm-tooltip"));
    const clear = own.backgroundColor === "rgba(0, 0, 0, 0)";
    return [own.color, clear ? tip.backgroundColor : own.backgroundColor];
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_completions_are_readable_and_the_focus_is_seen(
    console: Console, scheme: str
) -> None:
    page = await console.page(color_scheme=scheme)
    await page.goto(f"{console.space}/audiences/new")
    await page.locator(".cm-content").click()
    await page.keyboard.type("SE")
    offered = page.locator(".cm-tooltip-autocomplete li")
    await offered.nth(1).wait_for()
    for number in (0, 1):
        colours = await offered.nth(number).evaluate(_COLOURS)
        assert contrast(*map(_hex, colours)) >= 4.5, (number, colours)
    outline = await page.locator(".editor").evaluate("(one) => getComputedStyle(one).outlineStyle")
    assert outline == "solid"
    assert console.faults == []


def _hex(colour: str) -> str:
    """Return ``#0a0b0c`` for ``rgb(10, 11, 12)``."""
    return "#" + "".join(f"{int(one):02x}" for one in re.findall(r"\d+", colour)[:3])
