"""Applies mappings: checks one, turns it into functions, and runs them on payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.mapping.cache import fingerprint, recall, remember
from app.mapping.directives import DIRECTIVES
from app.mapping.errors import InvalidMapping, MappingFailed
from app.mapping.place import Evaluate, Place
from app.mapping.root_directive import rewrite_root
from app.mapping.validate import faults_of
from app.mapping.values import ABSENT, MAXIMUM_DEPTH, kind_of, running_directive

_TOO_DEEP = "is nested too deeply."


class CompiledMapping:
    """A mapping that was checked once and can be applied to any number of payloads.

    It holds no state and may be shared between threads. Later changes to the mapping it was
    made from are not seen.
    """

    __slots__ = ("_evaluate",)

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate

    def resolve(self, payload: Any = ABSENT) -> Any:
        """Map one payload, an object; none counts as `{}` and an absent result is None.

        The result may share parts with the payload. Raises `MappingFailed`.
        """
        if not isinstance(payload, dict):
            payload = _object_only(payload)
        return self._run(payload)

    def resolve_batch(self, payloads: Sequence[Any]) -> list[Any]:
        """Map a list of payloads of any kind, one result for each; raises `MappingFailed`."""
        if not isinstance(payloads, list):
            raise MappingFailed("", f"expects a list of payloads but got {kind_of(payloads)}.")
        return [self._run(payload) for payload in payloads]

    def _run(self, payload: Any) -> Any:
        try:
            result = self._evaluate(payload)
        except RecursionError:
            raise MappingFailed("", _TOO_DEEP) from None
        return None if result is ABSENT else result


def compile_mapping(mapping: Any) -> CompiledMapping:
    """Check a mapping and make it ready to run; raises `InvalidMapping`.

    A malformed root directive is not a fault of validation: it makes every run fail.
    """
    try:
        return CompiledMapping(_compile_complete(mapping, Place()))
    except RecursionError:
        raise InvalidMapping([f"/ {_TOO_DEEP}"]) from None


def resolve(mapping: Any, payload: Any = ABSENT) -> Any:
    """Check a mapping and apply it to one payload; raises `MappingError`."""
    payload = _object_only(payload)
    return _compiled_before(mapping).resolve(payload)


def resolve_batch(mapping: Any, payloads: Sequence[Any]) -> list[Any]:
    """Check a mapping once and apply it to each payload of a list; raises `MappingError`."""
    return _compiled_before(mapping).resolve_batch(payloads)


def _compiled_before(mapping: Any) -> CompiledMapping:
    """Compile a mapping, or take what an equal one gave; a change to it is always seen."""
    content = fingerprint(mapping)
    compiled = recall(content)
    if compiled is None:
        compiled = compile_mapping(mapping)
        remember(content, compiled)
    return compiled


def _object_only(payload: Any) -> dict[str, Any]:
    if payload is ABSENT:
        return {}
    if isinstance(payload, dict):
        return payload
    raise MappingFailed("", f"expects an object as payload but got {kind_of(payload)}.")


def _compile_complete(mapping: Any, place: Place) -> Evaluate:
    try:
        mapping = rewrite_root(mapping)
    except MappingFailed as failure:
        return place.failing(f"cannot be rewritten: {failure}")
    faults = faults_of(mapping)
    if faults:
        raise InvalidMapping(faults)
    return _compile(mapping, place)


def _compile_stage(mapping: Any, place: Place) -> Evaluate:
    """Compile the first stage of a `@transform`, a complete mapping of its own."""
    try:
        evaluate = _compile_complete(mapping, place.dropping_absent())
    except InvalidMapping as invalid:
        return place.failing(f"is invalid: {invalid}")

    def run(payload: Any) -> Any:
        if payload is ABSENT:
            payload = {}
        if not isinstance(payload, dict):
            raise MappingFailed(
                place.location, f"expects an object as payload but got {kind_of(payload)}."
            )
        return evaluate(payload)

    return run


def _compile(node: Any, place: Place) -> Evaluate:
    if place.depth > MAXIMUM_DEPTH:
        return place.failing(_TOO_DEEP)
    if isinstance(node, dict):
        name = running_directive(node)
        return (
            _compile_object(node, place) if name is None else _compile_directive(name, node, place)
        )
    if isinstance(node, list):
        return _compile_array(node, place)
    return lambda payload: node


def _compile_directive(name: str, node: dict[str, Any], place: Place) -> Evaluate:
    if name not in DIRECTIVES:
        return place.failing(f"has an invalid directive: {name}.")
    return DIRECTIVES[name](node[name], place.at(name), _compile, _compile_stage)


def _compile_array(node: list[Any], place: Place) -> Evaluate:
    items = [_compile(item, place.at(index)) for index, item in enumerate(node)]
    if place.keep_absent:
        return lambda payload: [evaluate(payload) for evaluate in items]

    def build(payload: Any) -> list[Any]:
        values = [evaluate(payload) for evaluate in items]
        return [None if value is ABSENT else value for value in values]

    return build


def _compile_object(node: dict[str, Any], place: Place) -> Evaluate:
    """Compile plain data: a prepared copy keeps the constants and the order of the keys."""
    prepared = {key: None if isinstance(item, dict | list) else item for key, item in node.items()}
    members = [
        (key, _compile(item, place.at(key)))
        for key, item in node.items()
        if isinstance(item, dict | list)
    ]
    if place.keep_absent:
        return lambda payload: prepared | {key: evaluate(payload) for key, evaluate in members}

    def build(payload: Any) -> dict[str, Any]:
        result = prepared.copy()
        for key, evaluate in members:
            value = evaluate(payload)
            if value is ABSENT:
                del result[key]
            else:
                result[key] = value
        return result

    return build
