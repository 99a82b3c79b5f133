"""Facts about the layout that pictures of pages show, in the place where they are decided: the style sheet."""

from __future__ import annotations

from playwright.async_api import Page

from tests.browser.conftest import Console
from tests.browser.test_pages import fill_pages

#: Differences of two edges that nobody sees.
_SAME = 1

_COLOURS = """() => [...document.querySelectorAll("main a.name")].filter(one => one.offsetParent).map(one =>
  [one.textContent, getComputedStyle(one).color === getComputedStyle(document.body).color])"""
_SHADOW = "getComputedStyle(document.querySelector('.side nav [aria-current]')).boxShadow"
_FOOT = """() => { const all = [...document.querySelectorAll("main > p.section")]; return all.map(one =>
  one.getBoundingClientRect().top - one.previousElementSibling.getBoundingClientRect().bottom); }"""
_NUMBERS = """() => [...document.querySelectorAll("thead th.num:first-child")].map(one =>
  one.getBoundingClientRect().width)"""
#: What is chosen, and the short choices, which decide how wide the column is; the name of a column can be long.
_CUT = """() => [...document.querySelectorAll(".rows-table select")].filter(one => one.offsetParent).flatMap(one => {
  const style = getComputedStyle(one), canvas = document.createElement("canvas").getContext("2d");
  canvas.font = style.font;
  const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const shown = [...one.options].filter(each => each.selected || each.textContent.length <= 10);
  return shown.map(each => each.textContent).filter(text => canvas.measureText(text).width > room);
})"""
_CARDS = """() => { const rows = {};
  for (const card of document.querySelectorAll(".cards > .card")) {
    const button = card.querySelector(".button"), top = Math.round(card.getBoundingClientRect().top);
    (rows[top] ??= []).push(button.getBoundingClientRect().bottom);
  }
  return Object.values(rows).map(one => Math.max(...one) - Math.min(...one)); }"""


async def _opened(console: Console, page: Page, path: str) -> Page:
    await page.goto(console.space + path)
    return page


async def test_the_current_entry_of_the_menu_has_its_bar_light_and_dark(console: Console) -> None:
    for scheme in ("light", "dark"):
        page = await _opened(console, await console.page(color_scheme=scheme), "")
        assert "3px 0px 0px 0px inset" in await page.evaluate(_SHADOW), scheme


async def test_a_link_can_be_told_from_text(console: Console) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page()
    seen = 0
    for path in pages:
        for name, is_plain in await (await _opened(console, page, path)).evaluate(_COLOURS):
            assert not is_plain, (path, name)
            seen += 1
    assert seen > 20


async def test_the_foot_of_a_page_keeps_its_distance(console: Console) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page()
    found = {path: await (await _opened(console, page, path)).evaluate(_FOOT) for path in pages}
    assert sum(map(len, found.values())) > 10
    assert {path: gaps for path, gaps in found.items() if any(gap < 24 for gap in gaps)} == {}


async def test_numbers_of_rows_are_at_the_left_edge(console: Console) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page()
    found = [
        (path, width)
        for path in pages
        for width in await (await _opened(console, page, path)).evaluate(_NUMBERS)
    ]
    assert found
    assert [one for one in found if one[1] > 90] == []


async def test_the_buttons_of_cards_in_a_row_are_on_one_line(console: Console) -> None:
    page = await _opened(console, await console.page(), "/destinations")
    gaps = await page.evaluate(_CARDS)
    assert len(gaps) > 1
    assert [gap for gap in gaps if gap > _SAME] == []


async def test_choices_in_tables_are_not_cut_off_at_360_pixels(console: Console) -> None:
    pages = await fill_pages(console.flow)
    page = await console.page(viewport={"width": 360, "height": 740})
    for path in pages:
        assert await (await _opened(console, page, path)).evaluate(_CUT) == [], path
