"""The arms of a split to whose place the rows of a plan are written."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.revision.plan_spec import arms_at, place_at

_A, _B, _OLD = '{"@arm":"A"}', '{"list_id":"AbCdEf"}', '{"@arm":"Old"}'


def _arm(name: str, place: str | None, *, sent: bool = True) -> dict[str, Any]:
    return {"name": name, "weight": 1, "sent": sent, "place": place}


_ARMS = [_arm("A", _A), _arm("B", _B), _arm("control", None, sent=False)]
_PLACES = [[0, _A], [10, _B], [25, _OLD]]


@pytest.mark.parametrize(
    ("row", "names"), [(0, ["A"]), (9, ["A"]), (10, ["B"]), (24, ["B"]), (25, ["Old"])]
)
def test_a_row_has_the_arm_of_its_place(row: int, names: list[str]) -> None:
    assert arms_at({"arms": _ARMS, "places": _PLACES}, row) == names


def test_arms_that_share_a_place_are_all_named() -> None:
    shared = [_arm("A", None), _arm("B", None), _arm("control", None, sent=False)]
    assert arms_at({"arms": shared, "places": []}, 3) == ["A", "B"]


def test_without_a_split_there_is_no_arm() -> None:
    for spec in ({}, {"arms": [], "places": [[0, '{"list_id":"AbCdEf"}']]}):
        assert arms_at(spec, 3) == []
    assert place_at({}, 3) is None
