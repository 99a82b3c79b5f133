"""Sentences of the service on pages: calls of the API are buttons, counts and times are in words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.console.calls_in_words import on_page
from app.domain.brake import hold_reason
from app.domain.changes import Mode
from app.domain.options import Brake

_APP = Path(__file__).parents[3] / "app"
_CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (?=[/…]|with\b)")


def _sentences() -> Iterator[str]:
    """Yield the texts of services and rules that name a call; a value that is filled in becomes ``…/audiences/x``."""
    for folder in ("services", "domain", "snapshots"):
        for path in (_APP / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            inner = {
                id(part)
                for one in ast.walk(tree)
                if isinstance(one, ast.JoinedStr)
                for part in one.values
            }
            documents = {
                id(one.body[0].value)
                for one in ast.walk(tree)
                if isinstance(
                    one, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                )
                and one.body
                and isinstance(one.body[0], ast.Expr)
            }
            for one in ast.walk(tree):
                if id(one) in inner or id(one) in documents:
                    continue
                if (text := _text(one)) and _CALL.search(text):
                    yield text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…/audiences/x" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_each_call_that_a_sentence_of_the_service_names_has_its_words() -> None:
    found = list(_sentences())
    assert len(found) > 10, "the search still finds them"
    for sentence in found:
        assert not _CALL.search(on_page(sentence)), sentence


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (
            'To send them: POST /spaces/s/audiences/a/activations/b/syncs with {"kind": "resync"}.',
            "To send them: “Send them”.",
        ),
        (
            'To send what has changed since then: POST …/syncs with {"kind": "incremental"}.',
            "To send what has changed since then: “Send again”.",
        ),
        (
            "force a run with POST …/audiences/aud_1/runs, or add a schedule with POST …/audiences/aud_1/schedules.",
            "force a run with “Compute now” on its page, or add a schedule with the tab “Schedule” on its page.",
        ),
        (
            'accept the next one once: PATCH …/datasets/dst_1 with {"file": {"allowBreaking": true}}.',
            "accept the next one once: “A new file may empty or reshape what audiences read” in the tab “File” of the dataset.",
        ),
        ("To enable it: PATCH …/audiences/aud_1.", "To enable it: “Enable” on its page, under “More”."),
        ("Nothing changed.", "Nothing changed."),
    ],
)  # fmt: skip
def test_a_page_names_the_button(sentence: str, shown: str) -> None:
    assert on_page(sentence) == shown


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (
            "49 of 1,052 held would be removed (94.23 %); the limit is 30 %.",
            "49 of 1,052 members at the destination would be removed (94.23\u00a0%); the limit is 30\u00a0%.",
        ),
        (
            "20 of 30 wanted would be removed (66.67 %); the limit is 30 %.",
            "20 of 30 members of the audience would be removed (66.67\u00a0%); the limit is 30\u00a0%.",
        ),
        (
            "All 20 that are held would be removed.",
            "All 20 members at the destination would be removed.",
        ),
        (
            "The plan has 1 exits, not 49; nothing was approved.",
            "The number of members that leave is 1, not 49; nothing was approved.",
        ),
        (
            "It computes 'Buyers' next at 2026-12-01 05:00 UTC; now",
            "It computes 'Buyers' next at 1 Dec 2026, 05:00 UTC; now",
        ),
        ("Values such as 2026-12-01 05:00 stay.", "Values such as 2026-12-01 05:00 stay."),
    ],
)  # fmt: skip
def test_a_page_writes_counts_and_times_for_people(sentence: str, shown: str) -> None:
    assert on_page(sentence) == shown


def test_each_reason_to_hold_a_plan_has_the_words_of_pages() -> None:
    brake = Brake()
    for mode, leaving, members in (
        (Mode.MAINTAIN, 20, 20),
        (Mode.MAINTAIN, 20, 30),
        (Mode.REMOVE, 20, 30),
    ):
        reason = hold_reason(
            brake, mode=mode, leaving=leaving, of_members=members, first_plan=False
        )
        assert reason is not None
        assert " members " in on_page(reason), reason


def test_the_line_that_an_engine_repeats_is_named_by_its_number() -> None:
    message = (
        "Could not convert string 'Köln' to INT32\n\nLINE 3: SELECT town, CAST(town AS INTEGER)...\n"
        "                     ^^^^^^^^\n\nTo leave out such values, write TRY_CAST."
    )
    said = "Could not convert string 'Köln' to INT32 (line 3). To leave out such values, write TRY_CAST."
    assert on_page(message) == on_page(message.replace("\n", " ")) == said
    assert on_page("Cannot compare\n\nLINE 1: SELECT a\n          ^") == "Cannot compare (line 1)."
