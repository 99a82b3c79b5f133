"""What each directive does: its argument as written becomes a function of the payload.

Nothing here may rely on validation, which does not look into arrays: an argument of the
wrong kind compiles into a part that fails when it is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from app.mapping.errors import MappingFailed
from app.mapping.json_text import decode, encode
from app.mapping.liquid_engine import compile_liquid
from app.mapping.paths import lookup, split_path, without_root
from app.mapping.place import Compile, Evaluate, Place
from app.mapping.replacement import Replacement
from app.mapping.reshape import flatten, overlay, without_nulls
from app.mapping.templates import compile_template, render_template
from app.mapping.text import scalar_text, text_of
from app.mapping.values import ABSENT, is_truthy, kind_of, running_directive

Directive = Callable[[Any, Place, Compile, Compile], Evaluate]
"""Argument, its place, how to compile a part, how to compile a complete mapping."""


def _nothing(payload: Any) -> Any:
    return ABSENT


def _is_running_directive(node: Any) -> bool:
    return isinstance(node, dict) and running_directive(node) is not None


def _string_only(value: Any, place: Place) -> str:
    if isinstance(value, str):
        return value
    raise MappingFailed(place.location, f"should be a string but found {kind_of(value)}.")


def _path(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if isinstance(argument, str):
        look_up = lookup(split_path(without_root(argument)))
        return place.cleaned(look_up) if place.loose else look_up
    find_path = part(argument, place)

    def look_up_found(payload: Any) -> Any:
        path = _string_only(find_path(payload), place)
        return lookup(split_path(without_root(path)))(payload)

    return place.cleaned(look_up_found) if place.loose else look_up_found


def _template(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if isinstance(argument, str):
        return compile_template(argument, place.location)
    find_text = part(argument, place)
    return lambda payload: render_template(
        _string_only(find_text(payload), place), payload, place.location
    )


def _literal(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    return part(argument, place)


def _exclude_when_null(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    evaluate = part(argument, place)
    return place.cleaned(lambda payload: without_nulls(evaluate(payload)))


def _liquid(argument: Any, place: Place, _part: Compile, _complete: Compile) -> Evaluate:
    if isinstance(argument, str):
        return compile_liquid(argument, place.location)
    return place.failing(f"should be a string but found {kind_of(argument)}.")


def _is_blank(value: Any) -> bool:
    return not text_of(value) if isinstance(value, list) else not is_truthy(value)


def _if(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    if not is_truthy(argument.get("exists")) and not is_truthy(argument.get("blank")):
        return place.failing('needs an "exists" or a "blank" condition.')
    name = "exists" if "exists" in argument else "blank"
    condition = part(argument[name], place.at(name))
    then = part(argument["then"], place.at("then")) if "then" in argument else _nothing
    has_else = is_truthy(argument.get("else"))
    otherwise = part(argument["else"], place.at("else")) if has_else else _nothing

    def choose_by_existence(payload: Any) -> Any:
        value = condition(payload)
        return (otherwise if value is None or value is ABSENT else then)(payload)

    def choose_by_blankness(payload: Any) -> Any:
        return (otherwise if _is_blank(condition(payload)) else then)(payload)

    return choose_by_existence if name == "exists" else choose_by_blankness


def _case(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    operator = argument.get("operator")
    if not is_truthy(operator):
        return place.failing('needs an "operator", "lower" or "upper".')
    if not is_truthy(argument.get("value")):
        return _nothing
    evaluate = part(argument["value"], place.at("value"))

    def convert(payload: Any) -> Any:
        value = evaluate(payload)
        if not isinstance(value, str):
            return value
        if operator == "lower":
            return value.lower()
        if operator == "upper":
            return value.upper()
        raise MappingFailed(f"{place.location}/operator", 'should be "lower" or "upper".')

    return convert


def _replace(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    if not is_truthy(argument.get("pattern")):
        return place.failing('needs a "pattern".')
    if not is_truthy(argument.get("value")):
        return _nothing
    evaluate = part(argument["value"], place.at("value"))
    first = _replacement(argument, "")
    second = _replacement(argument, "2") if is_truthy(argument.get("pattern2")) else None

    def find_and_replace(payload: Any) -> str:
        text = scalar_text(evaluate(payload))
        if text is None or first is None:
            return ""
        text = first.apply(text, place.location)
        return second.apply(text, place.location) if second else text

    return find_and_replace


def _replacement(argument: dict[str, Any], suffix: str) -> Replacement | None:
    """Read one pair of options; None where one of them has a kind that switches it off."""
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


def _array_path(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, list):
        return place.failing(f"should be an array but found {kind_of(argument)}.")
    first = argument[0] if argument else ABSENT
    is_path = isinstance(first, str)
    source: Evaluate = (
        _path(first, place.keeping_absent(), part, part)
        if is_path
        else _nothing
        if first is ABSENT
        else part(first, place.at(0).keeping_absent())
    )
    loose = place.loose or not is_path
    whole = place.cleaned(source) if loose else source
    shape = argument[1] if len(argument) > 1 else None
    if not isinstance(shape, dict) or not shape:
        return whole
    shape_one = part(shape, place.at(1).with_payload(loose=loose))
    absent_item = ABSENT if place.keep_absent else None

    def shape_each(payload: Any) -> Any:
        items = source(payload)
        if isinstance(items, dict):
            items = [items]
        if not isinstance(items, list):
            return items
        shaped = [shape_one(item) for item in items]
        return [absent_item if item is ABSENT else item for item in shaped]

    return shape_each


def _json(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    mode = argument.get("mode")
    if not is_truthy(mode):
        return place.failing('needs a "mode", "encode" or "decode".')
    if not is_truthy(argument.get("value")):
        return place.failing('needs a "value" that is not null, false, 0 or empty text.')
    evaluate = part(argument["value"], place.at("value"))

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


def _flatten(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    if not is_truthy(argument.get("separator")):
        return place.failing('needs a "separator" text.')
    find_separator = part(argument["separator"], place.at("separator"))
    nested = part(argument.get("value", ABSENT), place.at("value").keeping_absent())
    keep_arrays = is_truthy(argument.get("omitArrays"))

    def flatten_nested(payload: Any) -> dict[str, Any]:
        separator = _string_only(find_separator(payload), place.at("separator"))
        return flatten(nested(payload), separator, keep_arrays=keep_arrays)

    return place.cleaned(flatten_nested)


def _merge(argument: Any, place: Place, part: Compile, _complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    objects = argument.get("objects")
    if not is_truthy(argument.get("direction")):
        return place.failing('needs a "direction", "left" or "right".')
    if not isinstance(objects, list):
        return place.failing(f'needs an array of "objects" but found {kind_of(objects)}.')
    entry = place.at("objects").keeping_absent()
    entries = [part(node, entry.at(index)) for index, node in enumerate(objects)]
    find_direction = part(argument["direction"], place.at("direction"))

    def merge(payload: Any) -> dict[str, Any]:
        step = -1 if find_direction(payload) == "left" else 1
        return overlay([evaluate(payload) for evaluate in entries][::step])

    return place.cleaned(merge)


def _transform(argument: Any, place: Place, part: Compile, complete: Compile) -> Evaluate:
    if not isinstance(argument, dict):
        return _not_options(argument, place)
    if not isinstance(argument.get("apply"), dict):
        return place.failing('needs an object or a directive to "apply".')
    if not is_truthy(argument.get("mapping")):
        return place.failing('needs a "mapping".')
    first = complete(argument["apply"], place.at("apply"))
    second = part(argument["mapping"], place.at("mapping").with_payload(loose=False))
    return lambda payload: second(first(payload))


def _not_options(argument: Any, place: Place) -> Evaluate:
    return place.failing(f"should be an object but found {kind_of(argument)}.")


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
