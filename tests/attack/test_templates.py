"""Mappings that try to loop, to grow, to nest or to read more than their event, and to keep a worker busy."""

from __future__ import annotations

import resource
import time
from typing import Any

import pytest

from app.mapping import MappingError, MappingFailed, compile_mapping, paths_read, validate
from tests.attack.accounts import attack, figures

PAYLOAD: dict[str, Any] = {
    "a": "x" * 5000,
    "html": "<script" * 20_000,
    "many": list(range(5000)),
    "deep": {"a": {"a": {"a": {}}}},
    "traits": {"name": "{{ a }}{% raw %}", "__class__": "no", "n": 9e307, "zero": 0},
}
SECONDS = 2.0  # of one rendering; the limit is half a second between two steps
LIQUID: dict[str, str] = {
    "for": "{% for i in (1..100000000) %}{{ i }}{% endfor %}",
    "for of all": "{% for i in many %}{% for j in many %}{{ a }}{% endfor %}{% endfor %}",
    "tablerow": "{% tablerow i in (1..100000000) %}x{% endtablerow %}",
    "while": "{% while true %}x{% endwhile %}",
    "include": "{% include '/etc/passwd' %}",
    "render": "{% render '../../etc/passwd' %}",
    "render itself": "{% render 'self' %}",
    "layout": "{% extends '/etc/passwd' %}",
    "import": "{% import 'os' as os %}{{ os.environ }}",
    "macro": "{% macro a %}{% call a %}{% endmacro %}{% call a %}",
    "case": "{% case a %}" + "{% when 'x' %}x" * 50 + "{% endcase %}",
    "raw": "{% raw %}{{ a }}{% endraw %}",
    "nested if": "{% if true %}" * 38 + "x" + "{% endif %}" * 37,
    "nested unless": "{% unless false %}" * 29 + "{% endunless %}" * 28,
    "many filters": "{{ a" + " | append: a" * 80 + " }}",
    "append to itself": "{% assign a = a | append: a %}" * 32 + "{{ a }}",
    "prepend to itself": "{% assign a = a | prepend: a %}" * 31,
    "replace with all of it": "{% assign a = a | replace: 'x', a %}" * 26,
    "replace nothing": "{% assign a = a | replace: '', a %}" * 27,
    "split and join": "{% assign b = a | split: '' | join: a %}{{ b | split: '' | join: b }}",
    "range": "{{ (1..999999999999) | join: a }}",
    "range backwards": "{{ (999999999999..1) | join: '' }}",
    "range of floats": "{{ (1.5..1e12) | size }}",
    "range of the payload": "{{ (traits.zero..traits.n) | last }}",
    "power of two": "{{ 2" + " | times: 2" * 90 + " }}",
    "large numbers": "{{ 1e308 | times: 1e308 | plus: 1 | modulo: 3 | round: 999999999 }}",
    "divided by zero": "{{ 1 | divided_by: 0 }}{{ 1.0 | divided_by: 0.0 }}{{ 0 | modulo: 0 }}",
    "round to 10^9": "{{ 1.5 | round: 1000000000 }}",
    "long number": "{{ " + "9" * 900 + " | times: 1 }}",
    "truncate": "{{ a | truncate: 99999999999999999999 }}{{ a | truncate: -5 }}",
    "truncatewords": "{{ a | truncatewords: 99999999999999999999, a }}",
    "slice": "{{ a | slice: -99999999999, 99999999999 }}",
    "date of a format": "{{ 'now' | date: '" + "%c" * 400 + "' }}",
    "date with a width": "{{ 0 | date: '%999999999d %-99999999N' }}",
    "date of the year 10^9": "{{ 99999999999999999 | date: '%Y' }}{{ '9999999999-01-01' | date: '%Y' }}",
    "strip_html": "{{ html | strip_html }}",
    "escape": "{% assign h = html | escape | escape | escape | escape | escape %}{{ h | escape }}",
    "url_encode": "{{ html" + " | url_encode" * 30 + " }}",
    "url_decode": "{{ html" + " | url_encode" * 5 + " | url_decode" * 30 + " }}",
    "json": "{{ many" + " | json" * 60 + " }}",
    "capture": "{% capture a %}{{ a }}{{ a }}{{ a }}{% endcapture %}" * 18,
    "echo": "{% liquid" + "\necho a" * 120 + "\n%}",
    "cycle": "{% cycle " + ", ".join(["a"] * 200) + " %}" * 1,
    "increment": "{% increment b %}" * 58,
    "attributes": "{{ a.__class__.__mro__ }}{{ many.__class__ }}{{ traits.__class__.__init__.__globals__ }}",
    "items": "{{ traits['__class__']['__base__'] }}{{ deep.keys }}{{ deep.items }}{{ deep.__getitem__ }}",
    "format": "{{ '{0.__class__}' | format: a }}{{ '%s' | format: a }}",
    "environment": "{{ environ }}{{ env }}{{ request }}{{ settings }}{{ now }}{{ self }}{{ template }}",
    "what the payload says": "{{ traits.name }}",
    "comment without an end": "{% comment %}" * 70,
    "tag without an end": "{% if " * 150,
    "output without an end": "{{ " * 300,
    "brackets": "{{ a" + "[a" * 400 + " }}",
    "a path of 490 dots": "{{ a" + ".a" * 490 + " }}",
    "a condition of 100 and": "{% if true" + " and true" * 105 + " %}x{% endif %}",
    "contains": "{% if a contains a %}{% if many contains a %}x{% endif %}{% endif %}",
    "comparison of all": "{% if many == many and deep == deep and html >= html %}x{% endif %}",
    "filters without arguments": "{{ a | replace | slice | date | round | plus | truncate | split | join | default }}",
    "a filter that is none": "{{ a | system: 'id' | eval: a | exec | open: '/etc/passwd' | file_url | img_tag }}",
    "control characters": "{{ '\x00\x1b[2J\r\n' }}\x00",
    "half surrogates": "{{ '\ud83d' }}{{ a | append: '\ude00' }}",
}  # fmt: skip


@attack
@pytest.mark.parametrize("where", ["liquid", "template"])
def test_a_template_ends_and_stays_small(where: str) -> None:
    wrong, failed = [], 0
    for name, source in LIQUID.items():
        began, before = time.monotonic(), memory()
        said = rendered({f"@{where}": source})
        seconds, grown = time.monotonic() - began, memory() - before
        failed += said.startswith("refused: ")
        leaks = "root:" in said or "<class" in said or "os.environ" in said or "built-in" in said
        if seconds > SECONDS or grown > 700 or leaks:
            wrong.append((name, round(seconds, 1), grown, said[:100]))
    figures(f"@{where}: {len(LIQUID)} templates, {failed} refused, {len(wrong)} wrong: {wrong}")
    assert not wrong


def rendered(value: Any) -> str:
    """Render a mapping of one field as the service does. Returns the text, or ``refused: <why>``."""
    mapping = {"o": value}
    try:
        validate(mapping)
        paths_read(mapping)
        return str(compile_mapping(mapping).resolve(PAYLOAD).get("o", ""))
    except (MappingError, MappingFailed) as error:
        return f"refused: {error}"


def nest(directive: str, inner: Any, depth: int) -> Any:
    value: Any = inner
    for _ in range(depth):
        value = {directive: value}
    return value


def doubled(depth: int) -> Any:
    """Return objects in which each holds the next one twice: small as JSON text only while they are shared."""
    value: Any = {"@path": "$.a"}
    for _ in range(depth):
        value = {"@merge": {"objects": [{"x": value}, {"y": value}], "direction": "right"}}
    return value


DIRECTIVES: dict[str, Any] = {
    "200 levels": nest("a", {"@path": "$.a"}, 199),
    "5,000 levels": nest("a", 1, 5000),
    "5,000 levels of @if": nest("@if", 1, 5000),
    "10 times doubled": doubled(10),
    "@arrayPath of all in all": {"@arrayPath": ["$.many", {"x": {"@arrayPath": ["$.many", {"y": {"@path": "$.a"}}]}}]},
    "@flatten of levels": {"@flatten": {"value": nest("a", 1, 150), "separator": "." * 5000}},
    "@json twenty times": nest("@json", {"mode": "encode", "value": {"@path": "$.many"}}, 1),
    "@json of brackets": {"@json": {"mode": "decode", "value": "[" * 100_000}},
    "@replace by a regex": {"@replace": {"value": {"@path": "$.a"}, "pattern": "(x+x+)+y", "replacement": "y"}},
    "@replace without a pattern": {"@replace": {"value": {"@path": "$.a"}, "pattern": "", "replacement": "x" * 100_000}},
    "@path of 10,000 dots": {"@path": "$" + ".a" * 10_000},
    "@path of brackets": {"@path": "$" + "[" * 10_000},
    "@path of a wildcard": {"@path": "$..*"},
    "@path of a filter": {"@path": "$.many[?(@.constructor.constructor('return process')())]"},
    "@path of attributes": {"@path": "$.__class__.__mro__"},
    "@template of templates": {"@template": "{{" * 50_000},
    "@case of nothing": {"@case": {"operator": "lower", "value": None}},
    "@transform in itself": nest("@transform", {"apply": {"@path": "$"}, "mapping": {"@path": "$"}}, 1),
    "a directive that is none": {"@eval": "__import__('os').system('id')"},
    "two directives": {"@path": "$.a", "@literal": 1},
    "10,000 keys": {f"k{number}": {"@path": "$.a"} for number in range(10_000)},
    "keys of prototypes": {"__proto__": {"@path": "$.a"}, "constructor": {"prototype": 1}},
}  # fmt: skip


@attack
def test_a_mapping_ends_and_stays_small() -> None:
    wrong, failed = [], 0
    for name, value in DIRECTIVES.items():
        began, before = time.monotonic(), memory()
        said = rendered(value)
        seconds, grown = time.monotonic() - began, memory() - before
        failed += said.startswith("refused: ")
        if seconds > SECONDS or grown > 700 or "<class" in said:
            wrong.append((name, round(seconds, 1), grown, said[:100]))
    figures(f"mappings: {len(DIRECTIVES)}, {failed} refused, {len(wrong)} wrong: {wrong}")
    assert not wrong


def memory() -> int:
    """Return the highest memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
