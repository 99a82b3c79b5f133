"""Doubts about valid mappings: each part that fails whenever it is run, or has no effect, is named; sound ones are not."""

from __future__ import annotations

from typing import Any

import pytest

from app.mapping import MappingFailed, doubts_of, resolve, validate
from tests.unit.mapping.examples import examples_in

CITY = {"@path": "$.traits.city"}
PAYLOAD = {"traits": {"city": "Bonn"}, "l": [{"i": 1}]}

FAILING: list[tuple[Any, str]] = [
    ({"@case": {"operator": "title", "value": CITY}}, "/@case/operator"),
    ({"@case": {"value": CITY}}, "/@case"),
    ({"@if": {"then": 1}}, "/@if"),
    ({"@if": {"exists": "", "then": 1}}, "/@if"),
    ({"@json": {"mode": "encode", "value": ""}}, "/@json/value"),
    ({"@flatten": {"value": {"@path": "$.traits"}}}, "/@flatten"),
    ({"@merge": {"objects": [{}]}}, "/@merge"),
    ({"@replace": {"pattern": "a", "pattern2": "elevenchars", "value": CITY}}, "/@replace/pattern2"),
    ([{"@pth": "$.traits.city"}], "/0"),
    ([{"@if": 1}], "/0/@if"),
    ([{"@path": 5}], "/0/@path"),
    ([{"@arrayPath": "$.l"}], "/0/@arrayPath"),
    ({"@literal": {"a": {"@case": {"value": CITY}}}}, "/@literal/a/@case"),
]  # fmt: skip
IDLE: list[tuple[Any, str]] = [
    ({"@case": {"operator": "upper"}}, "/@case"),
    ({"@case": {"operator": "upper", "value": CITY, "locale": "tr"}}, "/@case/locale"),
    ({"@if": {"exists": CITY, "else": 1}}, "/@if"),
    ({"@if": {"exists": CITY, "blank": CITY, "then": 1}}, "/@if/blank"),
    ({"@if": {"exists": CITY, "then": 1, "else": False}}, "/@if/else"),
    ({"@if": {"exists": CITY, "than": 1, "then": 1}}, "/@if/than"),
    ({"@replace": {"pattern": "a", "value": CITY, "ignoreCase": True}}, "/@replace/ignoreCase"),
    ({"@replace": {"pattern": "a", "value": CITY, "replacement2": "b"}}, "/@replace/replacement2"),
    ({"@replace": {"pattern": "a", "value": CITY, "pattern2": 5}}, "/@replace/pattern2"),
    ({"@json": {"mode": "ENCODE", "value": CITY}}, "/@json/mode"),
    ({"@merge": {"direction": "LEFT", "objects": [{}]}}, "/@merge/direction"),
    ({"@arrayPath": ["$.l", ["i"]]}, "/@arrayPath/1"),
    ({"@arrayPath": ["$.l", {"i": {"@path": "i"}}, 3]}, "/@arrayPath/2"),
    ({"@transform": {"apply": {"a": CITY}, "mapping": {"b": {"@path": "a"}}, "maping": 1}}, "/@transform/maping"),
    ([{"@path": "$.traits.city", "k": 1}], "/0"),
    ([{"@path": "$.traits.city", "@template": "t"}], "/0"),
    ("$.traits.city", ""),
    ("Hi {{traits.city}}", ""),
    ({"@if": {"exists": "$.traits.city", "then": 1}}, "/@if/exists"),
]  # fmt: skip
SOUND: list[Any] = [
    1,
    "a text with $ and { braces }",
    "$.99",
    CITY,
    {"@path": ""},
    {"@template": "Hi {{traits.city}}"},
    {"@literal": "{{traits.city}}"},
    {"@literal": {"a": ["$.traits.city"]}},
    {"@liquid": "{{ traits.city | upcase }}"},
    {"@if": {"exists": CITY, "then": 1, "else": None}},
    {"@if": {"blank": CITY, "then": {"@literal": False}, "_metadata": 1}},
    {"@case": {"operator": "lower", "value": CITY}},
    {"@replace": {"pattern": "{{", "replacement": "$.a", "value": CITY, "pattern2": "b", "replacement2": ""}},
    {"@arrayPath": ["$.l", {"id": {"@path": "$.i"}}]},
    {"@arrayPath": [{"@path": "$.l"}]},
    {"@json": {"mode": "decode", "value": CITY}},
    {"@flatten": {"value": {"@path": "$.traits"}, "separator": ".", "omitArrays": True}},
    {"@merge": {"direction": "left", "objects": [{"a": 1}, {"@path": "$.traits"}]}},
    {"@transform": {"apply": {"a": CITY}, "mapping": {"b": {"@path": "a"}}}},
    {"@excludeWhenNull": {"a": CITY}},
    [{"@type": "Person", "name": CITY}],
]  # fmt: skip


def named(mapping: Any) -> list[tuple[str, bool]]:
    assert validate(mapping) == []
    return [(doubt.location, doubt.fails) for doubt in doubts_of(mapping)]


@pytest.mark.parametrize(("part", "location"), FAILING)
def test_a_part_that_fails_whenever_it_is_run(part: Any, location: str) -> None:
    assert (f"/o{location}", True) in named({"o": part})
    with pytest.raises(MappingFailed):
        resolve({"o": part}, PAYLOAD)


@pytest.mark.parametrize(("part", "location"), IDLE)
def test_a_part_without_effect(part: Any, location: str) -> None:
    assert named({"o": part}) == [(f"/o{location}", False)]
    resolve({"o": part}, PAYLOAD)


@pytest.mark.parametrize("part", SOUND)
def test_a_sound_part(part: Any) -> None:
    assert named({"o": part}) == []
    resolve({"o": part}, PAYLOAD)


def test_a_root_directive_that_cannot_be_run() -> None:
    mapping = {"__segment_internal_directive": {"@transform": 1}, "x": 1}
    assert [fails for _, fails in named(mapping)] == [True]


def test_a_misspelt_option_names_the_one_that_is_meant() -> None:
    (doubt,) = doubts_of({"o": {"@if": {"exists": CITY, "then": 1, "esle": 2}}})
    assert "Did you mean else?" in doubt.words


def test_every_accepted_example_has_words_for_each_doubt() -> None:
    examples = [*examples_in("valid"), *examples_in("invalid")]
    accepted = [one.mapping for one in examples if not validate(one.mapping)]
    found = [doubt for mapping in accepted for doubt in doubts_of(mapping)]
    assert len(found) > 30
    for doubt in found:
        assert doubt.location.startswith("/")
        assert doubt.words.endswith((".", "?")), doubt
