"""Doubts about a valid mapping: parts that validation accepts, as Segment does, and that fail for every payload or have no effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.core.suggestions import did_you_mean, shown_name
from app.mapping.errors import MappingFailed
from app.mapping.replacement import LONGEST_PART
from app.mapping.root_directive import rewrite_root
from app.mapping.text import units
from app.mapping.validate import DIRECTIVES
from app.mapping.values import (
    MAXIMUM_DEPTH,
    is_directive_key,
    is_truthy,
    kind_of,
    running_directive,
)

Keys = tuple[str, ...]
"""The keys that lead to a part of the mapping."""

_PATH: Final = re.compile(r"\$\.[A-Za-z_]")
_TEMPLATE: Final = re.compile(r"\{\{[^{}]+\}\}")


@dataclass(frozen=True, slots=True)
class Doubt:
    """``location`` is as in a fault of validation, ``words`` follow it. ``fails``: the part fails whenever it is run."""

    location: str
    words: str
    fails: bool = False


def doubts_of(mapping: Any) -> list[Doubt]:
    """Return all doubts about a mapping that ``validate`` accepts, in the order of the mapping."""
    try:
        return list(_of_part(rewrite_root(mapping), (), are_texts_read=True))
    except MappingFailed as failure:
        return [Doubt(failure.location, failure.reason, fails=True)]
    except RecursionError:
        return []


def _doubt(at: Keys, words: str, *, fails: bool = False) -> Doubt:
    return Doubt(f"/{'/'.join(at)}", words, fails)


def _of_part(node: Any, at: Keys, *, are_texts_read: bool) -> Iterator[Doubt]:
    """Yield the doubts about a part that is evaluated. ``are_texts_read``: a text is no literal that was marked as one."""
    if len(at) > MAXIMUM_DEPTH:
        return
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _of_part(item, (*at, str(index)), are_texts_read=are_texts_read)
    elif isinstance(node, str) and are_texts_read:
        yield from _of_text(node, at)
    elif isinstance(node, dict):
        name = running_directive(node)
        yield from _of_keys(node, name, at)
        if name is None:
            for key, item in node.items():
                is_read = are_texts_read and not is_directive_key(key)
                yield from _of_part(item, (*at, key), are_texts_read=is_read)
        elif name in DIRECTIVES:
            yield from _of_directive(name, node[name], (*at, name), are_texts_read)


def _of_keys(node: Mapping[str, Any], running: str | None, at: Keys) -> Iterator[Doubt]:
    """Yield doubts about the keys of an object. Validation has checked them, except in arrays and literals."""
    names = [key for key in node if is_directive_key(key)]
    if running is None:
        known = [name for name in names if name in DIRECTIVES]
        if known:
            yield _doubt(
                at, f"has other keys beside {known[0]}, so it is sent as it is written, unresolved."
            )
    elif running not in DIRECTIVES:
        meant = did_you_mean(running, DIRECTIVES)
        yield _doubt(
            at, f"has the unknown directive {shown_name(running)}, so it fails.{meant}", fails=True
        )
    elif len(names) > 1:
        yield _doubt(at, f"has {len(names)} directives; only the first, {running}, counts.")


def _of_text(text: str, at: Keys) -> Iterator[Doubt]:
    """Yield a doubt about a constant text that was most likely meant as a path or a template."""
    directive = "@path" if _PATH.match(text) else "@template" if _TEMPLATE.search(text) else None
    if directive is not None:
        shown = shown_name(text)
        yield _doubt(
            at,
            f'is the text {shown}, which is sent as it is written. To fill it in: {{"{directive}": "{shown}"}}. To keep the text: '
            '{"@literal": …}.',
        )


def _of_directive(name: str, argument: Any, at: Keys, are_texts_read: bool) -> Iterator[Doubt]:
    wanted, kinds = _ARGUMENTS.get(name, ("an object", (dict,)) if name in _OPTIONS else ("", ()))
    if wanted and not isinstance(argument, kinds):  # in an array; validation refuses it elsewhere
        found = kind_of(argument)
        yield _doubt(at, f"should be {wanted} but found {found}, so it fails.", fails=True)
    elif name in _OPTIONS:
        options = _OPTIONS[name]
        yield from _of_names(name, argument, options, at)
        if options.check is not None:
            yield from options.check(argument, at)
        for key in options.parts:
            if key in argument:
                yield from _of_part(argument[key], (*at, key), are_texts_read=are_texts_read)
    elif name == "@arrayPath":
        yield from _of_array_path(argument, at, are_texts_read)
    elif isinstance(argument, str):
        return  # a path, a template or a literal text
    else:
        reads_texts = are_texts_read and name != "@literal"
        yield from _of_part(argument, at, are_texts_read=reads_texts)


def _of_array_path(argument: list[Any], at: Keys, are_texts_read: bool) -> Iterator[Doubt]:
    if argument and not isinstance(argument[0], str):
        yield from _of_part(argument[0], (*at, "0"), are_texts_read=are_texts_read)
    if len(argument) > 1:
        if not isinstance(argument[1], dict) or not argument[1]:
            yield _doubt(
                (*at, "1"), "is no shape of an item (an object with keys), so it is ignored."
            )
        yield from _of_part(argument[1], (*at, "1"), are_texts_read=are_texts_read)
    if len(argument) > 2:
        yield _doubt((*at, "2"), "is ignored: only a path and the shape of an item count.")


def _of_names(
    name: str, argument: Mapping[str, Any], options: _Options, at: Keys
) -> Iterator[Doubt]:
    for key in argument:
        if key not in options.names and not key.startswith("_"):
            meant = did_you_mean(key, options.names)
            known = ", ".join(options.names)
            yield _doubt(
                (*at, key), f"is no option of {name}, so it is ignored.{meant} There are {known}."
            )


def _if(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    conditions = [key for key in ("exists", "blank") if is_truthy(argument.get(key))]
    if not conditions:
        yield _doubt(at, 'needs "exists" or "blank" with a value, so it fails.', fails=True)
    elif "exists" in argument and "blank" in argument:
        yield _doubt((*at, "blank"), 'is ignored, because "exists" is there, too.')
    if "then" not in argument:
        yield _doubt(at, 'has no "then", so it has no value if the condition holds.')
    other = argument.get("else")
    if other is not None and not is_truthy(other):
        yield _doubt(
            (*at, "else"),
            'counts as none, because it is false, 0 or an empty text. To send it: {"@literal": …}.',
        )


def _case(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    operator = argument.get("operator")
    if not is_truthy(operator):
        yield _doubt(at, 'needs an "operator", "lower" or "upper", so it fails.', fails=True)
    elif operator not in ("lower", "upper"):
        shown = shown_name(str(operator))
        meant = did_you_mean(shown, ("lower", "upper"))
        yield _doubt(
            (*at, "operator"),
            f'should be "lower" or "upper", not "{shown}", so it fails for each text.{meant}',
            fails=True,
        )
    yield from _empty_value(argument, at)


def _replace(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    yield from _empty_value(argument, at)
    second, put = argument.get("pattern2"), argument.get("replacement2")
    if not is_truthy(second):
        if put is not None:
            yield _doubt((*at, "replacement2"), 'is ignored, because there is no "pattern2".')
        return
    for key, value in (("pattern2", second), ("replacement2", put)):
        if isinstance(value, str) and units(value) > LONGEST_PART:
            words = f"has more than {LONGEST_PART} units, so it fails."
            yield _doubt((*at, key), words, fails=True)
        elif value is not None and not isinstance(value, str):
            yield _doubt(
                (*at, key), f"is {kind_of(value)}, not text, so nothing is replaced by it."
            )


def _json(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    mode = argument.get("mode")
    if isinstance(mode, str) and mode != mode.lower():
        yield _doubt((*at, "mode"), f'is "{mode}", so there is no value. Write "{mode.lower()}".')
    if not is_truthy(argument.get("value")):
        words = "is null, false, 0 or an empty text, so it fails."
        yield _doubt((*at, "value"), words, fails=True)


def _flatten(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    if not is_truthy(argument.get("separator")):
        words = 'needs a "separator", such as ".", so it fails.'
        yield _doubt(at, words, fails=True)


def _merge(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    direction = argument.get("direction")
    if not is_truthy(direction):
        yield _doubt(at, 'needs a "direction", "left" or "right", so it fails.', fails=True)
    elif direction not in ("left", "right"):
        yield _doubt(
            (*at, "direction"),
            f'is "{direction}", which counts as "right". Write "left" or "right".',
        )


def _empty_value(argument: Mapping[str, Any], at: Keys) -> Iterator[Doubt]:
    if not is_truthy(argument.get("value")):
        yield _doubt(at, 'has no "value", so it has no result.')


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of a directive: all names, those whose values are evaluated, and what else is checked."""

    names: Sequence[str]
    parts: Sequence[str] = ()
    check: Callable[[Mapping[str, Any], Keys], Iterator[Doubt]] | None = None


_ARGUMENTS: Final[Mapping[str, tuple[str, tuple[type, ...]]]] = {
    "@arrayPath": ("an array", (list,)),
    "@liquid": ("text", (str,)),
    "@path": ("text or a directive", (str, dict)),
    "@template": ("text or a directive", (str, dict)),
}
_IF = ("exists", "blank", "then", "else")
_REPLACE = (
    *("pattern", "replacement", "value", "ignorecase", "global"),
    *("pattern2", "replacement2"),
)
_TRANSFORM = ("apply", "mapping")
_OPTIONS: Final[Mapping[str, _Options]] = {
    "@case": _Options(("operator", "value"), ("value",), _case),
    "@flatten": _Options(("value", "separator", "omitArrays"), ("value",), _flatten),
    "@if": _Options(_IF, _IF, _if),
    "@json": _Options(("mode", "value"), ("value",), _json),
    "@merge": _Options(("objects", "direction"), ("objects",), _merge),
    "@replace": _Options(_REPLACE, ("value",), _replace),
    "@transform": _Options(_TRANSFORM, _TRANSFORM),
}
