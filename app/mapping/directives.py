"""The directives: each compiles its argument, as written, into a function of the payload.

A directive must not rely on validation, which does not look into arrays. An argument of the wrong type compiles into
a part that fails when it is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from app.mapping.errors import MappingFailed
from app.mapping.json_text import decode, encode
from app.mapping.liquid_engine import compile_liquid
from app.mapping.location import Compile, Evaluate, Location
from app.mapping.paths import lookup, split_path, without_root
from app.mapping.replacement import Replacement
from app.mapping.reshape import flatten, overlay, without_nulls
from app.mapping.templates import compile_template, render_template
from app.mapping.text import scalar_text, text_of
from app.mapping.values import ABSENT, is_truthy, kind_of

Directive = Callable[[Any, Location, Compile, Compile], Evaluate]
"""Takes the argument, its location, and the functions that compile a part and a complete mapping."""


def _nothing(payload: Any) -> Any:
    return ABSENT


def _string_only(value: Any, location: Location) -> str:
    if isinstance(value, str):
        return value
    raise MappingFailed(location.path, f"should be a string but found {kind_of(value)}.")


def _path(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if isinstance(argument, str):
        look_up = lookup(split_path(without_root(argument)))
        return location.cleaned(look_up) if location.loose else look_up
    find_path = part(argument, location)

    def look_up_found(payload: Any) -> Any:
        path = _string_only(find_path(payload), location)
        return lookup(split_path(without_root(path)))(payload)

    return location.cleaned(look_up_found) if location.loose else look_up_found


def _template(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if isinstance(argument, str):
        return compile_template(argument, location.path)
    find_text = part(argument, location)
    return lambda payload: render_template(
        _string_only(find_text(payload), location), payload, location.path
    )


def _literal(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    return part(argument, location)


def _exclude_when_null(
    argument: Any, location: Location, part: Compile, _complete: Compile
) -> Evaluate:
    evaluate = part(argument, location)
    return location.cleaned(lambda payload: without_nulls(evaluate(payload)))


def _liquid(argument: Any, location: Location, _part: Compile, _complete: Compile) -> Evaluate:
    if isinstance(argument, str):
        return compile_liquid(argument, location.path)
    return location.failing(f"should be a string but found {kind_of(argument)}.")


def _is_blank(value: Any) -> bool:
    return not text_of(value) if isinstance(value, list) else not is_truthy(value)


def _if(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    if not is_truthy(argument.get("exists")) and not is_truthy(argument.get("blank")):
        return location.failing('needs an "exists" or a "blank" condition.')
    name = "exists" if "exists" in argument else "blank"
    condition = part(argument[name], location.at(name))
    then = part(argument["then"], location.at("then")) if "then" in argument else _nothing
    has_else = is_truthy(argument.get("else"))
    otherwise = part(argument["else"], location.at("else")) if has_else else _nothing

    def choose_by_existence(payload: Any) -> Any:
        value = condition(payload)
        return (otherwise if value is None or value is ABSENT else then)(payload)

    def choose_by_blankness(payload: Any) -> Any:
        return (otherwise if _is_blank(condition(payload)) else then)(payload)

    return choose_by_existence if name == "exists" else choose_by_blankness


def _case(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    operator = argument.get("operator")
    if not is_truthy(operator):
        return location.failing('needs an "operator", "lower" or "upper".')
    if not is_truthy(argument.get("value")):
        return _nothing
    evaluate = part(argument["value"], location.at("value"))

    def convert(payload: Any) -> Any:
        value = evaluate(payload)
        if not isinstance(value, str):
            return value
        if operator == "lower":
            return value.lower()
        if operator == "upper":
            return value.upper()
        raise MappingFailed(f"{location.path}/operator", 'should be "lower" or "upper".')

    return convert


def _replace(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    if not is_truthy(argument.get("pattern")):
        return location.failing('needs a "pattern".')
    if not is_truthy(argument.get("value")):
        return _nothing
    evaluate = part(argument["value"], location.at("value"))
    first = _replacement(argument, "")
    second = _replacement(argument, "2") if is_truthy(argument.get("pattern2")) else None

    def find_and_replace(payload: Any) -> str:
        text = scalar_text(evaluate(payload))
        if text is None or first is None:
            return ""
        text = first.apply(text, location.path)
        return second.apply(text, location.path) if second else text

    return find_and_replace


def _replacement(argument: dict[str, Any], suffix: str) -> Replacement | None:
    """Read one pair of options. Returns None if an option has a wrong type, which disables the pair."""
    pattern = argument.get(f"pattern{suffix}")
    replacement = _given(argument, f"replacement{suffix}", "")
    ignore_case = _given(argument, "ignorecase", False)
    everywhere = _given(argument, "global", True)
    if not isinstance(pattern, str) or not isinstance(replacement, str):
        return None
    if not isinstance(ignore_case, bool) or not isinstance(everywhere, bool):
        return None
    return Replacement(pattern, replacement, ignore_case, everywhere)


def _given(argument: dict[str, Any], name: str, default: object) -> Any:
    value = argument.get(name)
    return default if value is None else value


def _array_path(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, list):
        return location.failing(f"should be an array but found {kind_of(argument)}.")
    first = argument[0] if argument else ABSENT
    is_path = isinstance(first, str)
    source: Evaluate = (
        _path(first, location.keeping_absent(), part, part)
        if is_path
        else _nothing
        if first is ABSENT
        else part(first, location.at(0).keeping_absent())
    )
    loose = location.loose or not is_path
    whole = location.cleaned(source) if loose else source
    shape = argument[1] if len(argument) > 1 else None
    if not isinstance(shape, dict) or not shape:
        return whole
    shape_one = part(shape, location.at(1).with_payload(loose=loose))
    absent_item = ABSENT if location.keep_absent else None

    def shape_each(payload: Any) -> Any:
        items = source(payload)
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            return items
        shaped = [shape_one(item) for item in items]
        return [absent_item if item is ABSENT else item for item in shaped]

    return shape_each


def _json(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    mode = argument.get("mode")
    if not is_truthy(mode):
        return location.failing('needs a "mode", "encode" or "decode".')
    if not is_truthy(argument.get("value")):
        return location.failing('needs a "value" that is not null, false, 0 or empty text.')
    evaluate = part(argument["value"], location.at("value"))

    def write(payload: Any) -> Any:
        value = evaluate(payload)
        return ABSENT if value is ABSENT else encode(value)

    def read(payload: Any) -> Any:
        value = evaluate(payload)
        if not isinstance(value, str):
            return value
        try:
            return decode(value)
        except ValueError:
            return value

    def skip(payload: Any) -> Any:
        evaluate(payload)
        return ABSENT

    return write if mode == "encode" else read if mode == "decode" else skip


def _flatten(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    if not is_truthy(argument.get("separator")):
        return location.failing('needs a "separator" text.')
    find_separator = part(argument["separator"], location.at("separator"))
    nested = part(argument.get("value", ABSENT), location.at("value").keeping_absent())
    keep_arrays = is_truthy(argument.get("omitArrays"))

    def flatten_nested(payload: Any) -> dict[str, Any]:
        separator = _string_only(find_separator(payload), location.at("separator"))
        return flatten(nested(payload), separator, keep_arrays=keep_arrays)

    return location.cleaned(flatten_nested)


def _merge(argument: Any, location: Location, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    objects = argument.get("objects")
    if not is_truthy(argument.get("direction")):
        return location.failing('needs a "direction", "left" or "right".')
    if not isinstance(objects, list):
        return location.failing(f'needs an array of "objects" but found {kind_of(objects)}.')
    entry = location.at("objects").keeping_absent()
    entries = [part(node, entry.at(index)) for index, node in enumerate(objects)]
    find_direction = part(argument["direction"], location.at("direction"))

    def merge(payload: Any) -> dict[str, Any]:
        step = -1 if find_direction(payload) == "left" else 1
        return overlay([evaluate(payload) for evaluate in entries][::step])

    return location.cleaned(merge)


def _transform(argument: Any, location: Location, part: Compile, complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, location)
    if not isinstance(argument.get("apply"), dict):
        return location.failing('needs an object or a directive to "apply".')
    if not is_truthy(argument.get("mapping")):
        return location.failing('needs a "mapping".')
    first = complete(argument["apply"], location.at("apply"))
    second = part(argument["mapping"], location.at("mapping").with_payload(loose=False))
    return lambda payload: second(first(payload))


def _not_options(argument: Any, location: Location) -> Evaluate:
    return location.failing(f"should be an object but found {kind_of(argument)}.")


DIRECTIVES: Final[dict[str, Directive]] = {
    "@arrayPath": _array_path,
    "@case": _case,
    "@excludeWhenNull": _exclude_when_null,
    "@flatten": _flatten,
    "@if": _if,
    "@json": _json,
    "@liquid": _liquid,
    "@literal": _literal,
    "@merge": _merge,
    "@path": _path,
    "@replace": _replace,
    "@template": _template,
    "@transform": _transform,
}
