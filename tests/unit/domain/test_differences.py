"""Differences between two JSON objects."""

from __future__ import annotations

import json

from app.domain.differences import LONGEST, MOST, Hidden, changes_of, differing


def test_names_of_parts_that_differ() -> None:
    assert differing({"a": 1, "b": 2, "gone": 3}, {"new": None, "b": 4, "a": 1}) == ["b", "gone"]


def test_paths_values_and_directives() -> None:
    before = {"name": "A", "options": {"brake": {"enabled": True}}, "tags": ["x"]}
    after = {
        "name": "A",
        "options": {"brake": {"enabled": False}},
        "tags": ["x", "y"],
        "mapping": {"email": {"@path": "$.traits.email"}},
    }
    found, omitted = changes_of(before, after)
    assert omitted == 0
    assert found == [
        {"field": "options.brake.enabled", "before": True, "after": False},
        {"field": "tags", "before": ["x"], "after": ["x", "y"]},
        {"field": "mapping.email", "before": None, "after": {"@path": "$.traits.email"}},
    ]
    assert changes_of(None, {"name": "A", "note": None}) == (
        [{"field": "name", "before": None, "after": "A"}],
        0,
    )
    assert changes_of({"name": "A"}, None)[0] == [{"field": "name", "before": "A", "after": None}]


def test_a_change_of_the_order_of_mapped_fields_only_is_a_change() -> None:
    before = {"name": "A", "destinationMapping": {"settings": {"columns": {"a": "1", "b": "2"}}}}
    after = {"destinationMapping": {"settings": {"columns": {"b": "2", "a": "1"}}}, "name": "A"}
    assert changes_of(before, after) == (
        [
            {
                "field": "destinationMapping.settings",
                "before": ["columns.a", "columns.b"],
                "after": ["columns.b", "columns.a"],
            }
        ],
        0,
    )
    assert changes_of({"a": 1, "b": 2}, {"b": 2, "a": 1}) == ([], 0), "elsewhere it means nothing"
    assert changes_of(before, {**after, "name": "B"})[0] == [
        {"field": "name", "before": "A", "after": "B"}
    ]


def test_secrets_are_compared_and_never_kept() -> None:
    old, same, new = Hidden("hunter2-old"), Hidden("hunter2-old"), Hidden("hunter2-new")
    assert changes_of({"key": old}, {"key": same}) == ([], 0)
    found, _ = changes_of({"keys": [old], "key": old}, {"keys": [new], "key": new})
    assert found == [
        {"field": "keys", "before": [{"set": True}], "after": [{"set": True}]},
        {"field": "key", "before": {"set": True}, "after": {"set": True}},
    ]
    assert "hunter2" not in json.dumps(found) + repr(old)


def test_a_long_text_is_cut_to_what_differs_and_never_inside_a_word() -> None:
    text = "SELECT id FROM people WHERE email <> 'ada@example.com' AND " + "x = 1 AND " * 900
    found, _ = changes_of({"query": text + "y = 2"}, {"query": text + "y = 3"})
    before, after = found[0]["before"], found[0]["after"]
    assert "y = 2 …" in before
    assert "y = 3 …" in after
    assert before.startswith("… ")
    assert before.endswith(f"({len(text) + 5:,} characters)")
    assert len(before) < LONGEST + 40
    address = "ada@example.com"
    for lead in range(LONGEST - 20, LONGEST + 5):
        after = changes_of(None, {"query": "x" * lead + " " + address + " z" * LONGEST})[0][0][
            "after"
        ]
        assert address in after or "ada" not in after
    assert changes_of(None, {"query": "x" * 5000})[0][0]["after"] == " … (5,000 characters)"
    rows = [{"name": f"c{number}"} for number in range(1000)]
    assert changes_of({"columns": rows}, None)[0][0]["before"].endswith("characters)")


def test_the_number_of_changes_is_bounded() -> None:
    found, omitted = changes_of(None, {f"f{number}": number for number in range(MOST + 3)})
    assert (len(found), omitted) == (MOST, 3)
