"""Faults above the content of a page: those that are not at their fields."""

from __future__ import annotations

from app.console.shown_faults import faults_above

_AT_FIELD = (
    '<p class="fault" id="name-fault"><svg><path d="M0"/></svg>Enter &quot;a&quot; name.</p>'
)
_FAULTS = {"name": ['Enter "a" name.'], "": ["The list is gone."]}


def test_a_fault_at_its_field_is_not_repeated() -> None:
    found = faults_above(_FAULTS, f"<form>{_AT_FIELD}</form>")
    assert (found.texts, found.below) == (["The list is gone."], 1)


def test_a_fault_in_a_closed_part_is_shown_above_too() -> None:
    for closed, texts in (("<details>", 2), ("<details open>", 1)):
        found = faults_above(_FAULTS, f"{closed}<summary>More</summary>{_AT_FIELD}</details>")
        assert len(found.texts) == texts
    after = f"<details><p>More</p></details>{_AT_FIELD}"
    assert faults_above(_FAULTS, after).below == 1


def test_a_fault_of_two_fields_is_one() -> None:
    found = faults_above({"a": ["Too long."], "b": ["Too long."]}, "")
    assert (found.texts, found.below) == (["Too long."], 0)
