"""The filters of `@liquid`. Numbers are doubles, and text is measured in UTF-16 units."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from liquid.exceptions import LiquidError

from app.mapping.json_text import encode
from app.mapping.liquid_html import strip_html
from app.mapping.liquid_values import (
    MAXIMUM_SIZE,
    NUMBER,
    list_in_liquid,
    number_in_liquid,
    text_in_liquid,
    too_large,
    whole_in_liquid,
)
from app.mapping.text import trim, trim_end, trim_start, units

Filter = Callable[..., Any]

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
)
_LINE_END: Final = re.compile(r"\r?\n")
_BLANKS: Final = re.compile(r"\s+")

SWITCHED_OFF: Final = frozenset(
    [
        "array_to_sentence_string",
        "concat",
        "find",
        "find_exp",
        "find_index",
        "find_index_exp",
        "group_by",
        "group_by_exp",
        "has",
        "has_exp",
        "map",
        "newline_to_br",
        "reject",
        "reject_exp",
        "reverse",
        "sort",
        "sort_natural",
        "type",
        "uniq",
        "where_exp",
    ]
)
"""Filters that the language forbids. Their use is an error."""

NOT_SUPPORTED: Final = frozenset(
    [
        "cgi_escape",
        "date_to_long_string",
        "date_to_rfc822",
        "date_to_string",
        "date_to_xmlschema",
        "sample",
        "slugify",
        "uri_escape",
    ]
)
"""Filters of other Liquid dialects. Their use is an error too, since ignoring them would send wrong data."""


def _of_texts(function: Filter) -> Filter:
    return lambda left, *others: function(text_in_liquid(left), *map(text_in_liquid, others))


def _of_numbers(function: Filter) -> Filter:
    return lambda left, *others: function(number_in_liquid(left), *map(number_in_liquid, others))


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _replace(text: str, old: str, new: str = "") -> str:
    if len(text) + (text.count(old) if old else len(text)) * len(new) > MAXIMUM_SIZE:
        raise too_large()
    return text.replace(old, new) if old else new.join(text)


def _replace_last(text: str, old: str, new: str = "") -> str:
    before, found, after = text.rpartition(old) if old else (text, "", "")
    return before + new + after if found or not old else text


def _truncate(value: Any, length: Any = None, ending: Any = None) -> str:
    text = text_in_liquid(value)
    most = 50 if length is None else whole_in_liquid(length)
    end = "..." if ending is None else text_in_liquid(ending)
    return text if len(text) <= most else text[: max(most - len(end), 0)] + end


def _truncate_words(value: Any, count: Any = None, ending: Any = None) -> str:
    words = _BLANKS.split(trim_start(text_in_liquid(value)))
    most = max(15 if count is None else whole_in_liquid(count), 1)
    end = "..." if ending is None else text_in_liquid(ending)
    return " ".join(words[:most]) + (end if len(words) >= most else "")


def _split(text: str, separator: str = "") -> list[str]:
    pieces = text.split(separator) if separator else list(text)
    while pieces and not pieces[-1]:
        pieces.pop()
    return pieces


def _join(value: Any, separator: Any = None) -> str:
    items = list_in_liquid(value)
    between = " " if separator is None else text_in_liquid(separator)
    if len(items) * len(between) > MAXIMUM_SIZE:
        raise too_large()
    return between.join([text_in_liquid(item) for item in items])


def _slice(value: Any, start: Any, count: Any = None) -> Any:
    whole = value if isinstance(value, list) else text_in_liquid(value)
    first = whole_in_liquid(start)
    first = first + len(whole) if first < 0 else first
    most = 1 if count is None else whole_in_liquid(count)
    return whole[first : first + most] if first >= 0 and most >= 0 else whole[:0]


def _default(value: Any, other: Any = None, allow_false: Any = False) -> Any:
    if isinstance(value, str | list):
        return value or other
    if value is False and allow_false is True:
        return value
    return other if value is None or value is False else value


def _size(value: Any) -> int:
    if isinstance(value, str):
        return units(value)
    return len(value) if isinstance(value, list | range) else 0


def _first(value: Any) -> Any:
    return next(iter(value), None) if isinstance(value, list | range | str) else None


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, list | range | str) and value else None


def _member(item: Any, names: str) -> Any:
    for name in names.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _where(value: Any, name: Any, wanted: Any = None) -> list[Any]:
    found = [(item, _member(item, text_in_liquid(name))) for item in list_in_liquid(value)]
    if wanted is None:
        return [item for item, member in found if member is not None and member is not False]
    return [item for item, member in found if type(member) is type(wanted) and member == wanted]


def _sum(value: Any, name: Any = None) -> float:
    items = list_in_liquid(value)
    members = items if name is None else [_member(item, text_in_liquid(name)) for item in items]
    return math.fsum(map(number_in_liquid, members))


def _divide(number: float, other: float) -> float:
    if other:
        return number / other
    return math.nan if not number or math.isnan(number) else math.copysign(math.inf, number)


def _remainder(number: float, other: float) -> float:
    return math.fmod(number, other) if other and math.isfinite(number) else math.nan


def _rounded(function: Callable[[float], float]) -> Filter:
    return lambda number: function(number) if math.isfinite(number) else number


def _round(number: float, places: float = 0.0) -> float:
    factor = 10.0 ** max(min(int(places), 300), -300)
    scaled = number * factor
    return math.floor(scaled + 0.5) / factor if math.isfinite(scaled) else number


def _to_integer(value: Any) -> float:
    """Convert a value to a number, and keep its fraction. Other values become NaN."""
    if isinstance(value, str) and trim(value) and not NUMBER.fullmatch(value):
        return math.nan
    return math.nan if isinstance(value, list | dict) else number_in_liquid(value)


def _url_encode(text: str) -> str:
    return quote(text, safe="-_.!~*'()").replace("%20", "+")


FILTERS: Final[dict[str, tuple[Filter, int]]] = {
    "abs": (_of_numbers(abs), 0),
    "append": (_of_texts(lambda text, end: text + end), 1),
    "at_least": (_of_numbers(max), 1),
    "at_most": (_of_numbers(min), 1),
    "capitalize": (_of_texts(lambda text: text[:1].upper() + text[1:].lower()), 0),
    "ceil": (_of_numbers(_rounded(math.ceil)), 0),
    "compact": (lambda value: [item for item in list_in_liquid(value) if item is not None], 0),
    "default": (_default, 2),
    "divided_by": (_of_numbers(_divide), 1),
    "downcase": (_of_texts(str.lower), 0),
    "escape": (_of_texts(_escape), 0),
    "escape_once": (_of_texts(lambda text: _escape(html.unescape(text))), 0),
    "first": (_first, 0),
    "floor": (_of_numbers(_rounded(math.floor)), 0),
    "inspect": (encode, 0),
    "join": (_join, 1),
    "json": (encode, 0),
    "jsonify": (encode, 0),
    "last": (_last, 0),
    "lstrip": (_of_texts(trim_start), 0),
    "minus": (_of_numbers(lambda number, other: number - other), 1),
    "modulo": (_of_numbers(_remainder), 1),
    "normalize_whitespace": (_of_texts(lambda text: _BLANKS.sub(" ", text)), 0),
    "number_of_words": (_of_texts(lambda text: len(trim(text).split())), 0),
    "plus": (_of_numbers(lambda number, other: number + other), 1),
    "pop": (lambda value: list_in_liquid(value)[:-1], 0),
    "prepend": (_of_texts(lambda text, start: start + text), 1),
    "push": (lambda value, item: [*list_in_liquid(value), item], 1),
    "raw": (lambda value: value, 0),
    "remove": (_of_texts(lambda text, old: text.replace(old, "") if old else text), 1),
    "remove_first": (_of_texts(lambda text, old: text.replace(old, "", 1)), 1),
    "remove_last": (_of_texts(_replace_last), 1),
    "replace": (_of_texts(_replace), 2),
    "replace_first": (_of_texts(lambda text, old, new="": text.replace(old, new, 1)), 2),
    "replace_last": (_of_texts(_replace_last), 2),
    "round": (_of_numbers(_round), 1),
    "rstrip": (_of_texts(trim_end), 0),
    "shift": (lambda value: list_in_liquid(value)[1:], 0),
    "size": (_size, 0),
    "slice": (_slice, 2),
    "split": (_of_texts(_split), 1),
    "strip": (_of_texts(trim), 0),
    "strip_html": (_of_texts(strip_html), 0),
    "strip_newlines": (_of_texts(lambda text: _LINE_END.sub("", text)), 0),
    "sum": (_sum, 1),
    "times": (_of_numbers(lambda number, other: number * other), 1),
    "to_integer": (_to_integer, 0),
    "truncate": (_truncate, 2),
    "truncatewords": (_truncate_words, 2),
    "unshift": (lambda value, item: [item, *list_in_liquid(value)], 1),
    "upcase": (_of_texts(str.upper), 0),
    "url_decode": (_of_texts(unquote_plus), 0),
    "url_encode": (_of_texts(_url_encode), 0),
    "where": (_where, 2),
    "xml_escape": (_of_texts(_escape), 0),
}
"""Filters by name: the function, and the maximum number of its arguments. Further arguments are dropped."""


def forbidden(name: str) -> LiquidError | None:
    """Return the error for a filter that may not be used, or None if it may."""
    if name in SWITCHED_OFF:
        return LiquidError(f"filter '{name}' is switched off", token=None)
    if name in NOT_SUPPORTED:
        return LiquidError(f"filter '{name}' is not supported", token=None)
    return None
