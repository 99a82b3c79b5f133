"""CSV files: headers of the console, and no formulas."""

from __future__ import annotations

from app.console.csv_files import csv_file
from tests.integration.console.conftest import Browser


def test_a_text_of_a_partner_is_no_formula_of_a_spreadsheet() -> None:
    texts = ("=1+1", "+1", "-1", "@a", "\tx", "\rx", "a=1", "")
    answer = csv_file("a.csv", ("code", "message"), [(text, -5) for text in texts])
    lines = bytes(answer.body).decode().split("\r\n")
    assert lines[1:5] == ["'=1+1,-5", "'+1,-5", "'-1,-5", "'@a,-5"], "numbers stay numbers"
    assert "'\tx,-5" in lines
    assert lines[-3:] == ["a=1,-5", ",-5", ""]


async def test_files_are_not_kept_by_browsers_and_proxies(browser: Browser) -> None:
    page = await browser.open("syncs.csv")
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
