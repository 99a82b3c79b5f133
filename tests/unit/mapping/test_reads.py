"""The paths that a mapping reads: nothing else decides its result."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping import paths_read
from tests.unit.mapping.random_mappings import KEYS, random_mapping, random_payload, random_value
from tests.unit.mapping.test_properties import outcome

WHOLE: set[tuple[str, ...]] = {()}
A, B = ("traits", "a"), ("traits", "b")


@pytest.mark.parametrize(
    ("mapping", "paths"),
    [
        ({"@path": "$.traits.a"}, {A}),
        ({"@path": "traits['E-Mail']"}, {("traits", "E-Mail")}),
        ({"@path": "$.traits.list[0].x"}, {("traits", "list", "0", "x")}),
        ({"@path": {"@path": "$.traits.a"}}, WHOLE),
        ({"@path": "$."}, WHOLE),
        ({"@template": "Hi {{traits.a}} {{ traits.b }}"}, {A, B}),
        # What the first pass inserts may itself be a placeholder.
        ({"@template": "{{{traits.a}}}"}, WHOLE),
        ({"@template": {"@path": "$.traits.a"}}, WHOLE),
        ({"@arrayPath": ["$.traits.a", {"id": {"@path": "$.sku"}}]}, {A}),
        ({"@arrayPath": [{"@path": "$.traits.a"}]}, {A}),
        (
            {
                "@if": {
                    "exists": {"@path": "traits.a"},
                    "then": "x",
                    "else": {"@path": "traits.b"},
                }
            },
            {A, B},
        ),
        ({"@case": {"operator": "upper", "value": {"@path": "traits.a"}}}, {A}),
        ({"@replace": {"pattern": "x", "value": {"@template": "{{traits.a}}"}}}, {A}),
        ({"@json": {"mode": "encode", "value": {"k": {"@path": "traits.a"}}}}, {A}),
        ({"@flatten": {"separator": "_", "value": {"@path": "$.traits"}}}, {("traits",)}),
        ({"@merge": {"objects": [{"k": {"@path": "traits.a"}}, {"@path": "traits.b"}]}}, {A, B}),
        ({"@literal": {"k": {"@path": "traits.a"}}}, {A}),
        ({"@excludeWhenNull": {"k": {"@path": "traits.a"}}}, {A}),
        (
            {
                "@transform": {
                    "apply": {"x": {"@path": "traits.a"}},
                    "mapping": {"y": {"@path": "$.x"}},
                }
            },
            {A},
        ),
        (
            {
                "__segment_internal_directive": {
                    "@transform": {"apply": {"x": {"@path": "traits.a"}}}
                },
                "y": {"@path": "$.x"},
            },
            {A},
        ),
        ({"@path": "$.traits.a", "k": 1}, set()),
        ([{"k": [{"@path": "$.traits.a"}]}], {A}),
        ("$.traits.a", set()),
    ],
)
def test_paths_of_directives(mapping: Any, paths: set[tuple[str, ...]]) -> None:
    assert paths_read(mapping) == paths


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ traits.a | upcase }}", {A}),
        ("{{ traits['first name'] }}", {("traits", "first name")}),
        ("{% assign x = traits.a | append: traits.b %}{{ x }}", {A, B, ("x",)}),
        ("{% capture x %}{{ traits.a }}{% endcapture %}{{ x | size }}", {A, ("x",)}),
        (
            "{% if traits.a == 1 and traits.b %}y{% elsif traits.c %}z{% endif %}",
            {A, B, ("traits", "c")},
        ),
        ("{% unless traits.a contains traits.b %}y{% endunless %}", {A, B}),
        ("{% cycle traits.a, traits.b %}", {A, B}),
        ("{% echo traits.a %}", {A}),
        ("{% liquid\nassign x = traits.a\necho x %}", {A, ("x",)}),
        ("{{ traits.a[traits.b] }}", {A, B}),
        ("{{ traits[traits.b] }}", {("traits",), B}),
        ("{{ traits.a | default: traits.b, allow_false: traits.c }}", {A, B, ("traits", "c")}),
        ("{{ traits.list | where: 'k', traits.a | join: traits.b }}", {("traits", "list"), A, B}),
        ("{{ traits.list[0].x }}", {("traits", "list", "0", "x")}),
        ("{{ traits.size }}", {("traits",)}),
        ("{{ traits | json }}", {("traits",)}),
        # The name is local only where the branch ran.
        (
            "{% if traits.a %}{% assign traits = x %}{% endif %}{{ traits.b }}",
            {A, ("x",), B},
        ),
        ("{% comment %}{{ traits.a }}{% endcomment %}", set()),
        ("{% for x in traits.a %}{% endfor %}", set()),
        ("{{ ", set()),
    ],
)
def test_paths_of_liquid_templates(source: str, paths: set[tuple[str, ...]]) -> None:
    assert paths_read({"@liquid": source}) == paths


LIQUID = [
    "{{ a | append: s }}{{ l | size }}",
    "{% assign a = s %}{{ a }}{{ n.x }}",
    "{% if n %}{% assign a = k %}{% endif %}{{ a.b }}",
    "{% capture k %}{{ b }}{% endcapture %}{{ k }}{{ n[s] }}",
    "{% unless a == b %}{{ l[0] }}{% else %}{{ l.last }}{% endunless %}",
    "{% cycle a, b %}{% echo n.size %}{{ k | default: s }}",
]


def read_only(payload: dict[str, Any], paths: frozenset[tuple[str, ...]]) -> dict[str, Any]:
    """Keep the members of a payload that some path begins with."""
    return {key: value for key, value in payload.items() if any(p[0] == key for p in paths)}


@pytest.mark.walk
@settings(max_examples=600, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**48))
def test_a_change_of_anything_else_changes_no_result(seed: int) -> None:
    random = Random(seed)
    mapping, payload = random_mapping(random), random_payload(random)
    if random.random() < 0.3:
        mapping = {"x": mapping, "y": {"@liquid": random.choice(LIQUID)}}
    paths = paths_read(mapping)
    if () in paths:
        return
    result = repr(outcome(mapping, payload))
    changed = deepcopy(payload)
    for key in [*KEYS, "other"]:
        if not any(path[0] == key for path in paths):
            changed[key] = random_value(random, 2)
    assert repr(outcome(mapping, changed)) == result
    assert repr(outcome(mapping, read_only(payload, paths))) == result
