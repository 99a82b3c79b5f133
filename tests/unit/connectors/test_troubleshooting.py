"""What to do if an account does not work: the page and the documents say the same."""

from __future__ import annotations

from pathlib import Path

from app.connectors.registry import definitions

DOCUMENT = Path(__file__).parents[3] / "docs" / "destinations.md"


def test_the_documents_have_each_remedy() -> None:
    text = DOCUMENT.read_text().replace("`", "")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for definition in definitions():
        for one in definition.troubleshooting:
            found = [line for line in lines if one.seen in line]
            assert any(one.action[1:].rstrip(".") in line for line in found), one.seen


def test_each_partner_has_some() -> None:
    without = [one.slug for one in definitions() if not one.troubleshooting]
    assert without == ["file-download"], "nothing of it can be set up wrongly"
