"""Applies mappings: validates a mapping, compiles it into functions, and runs them on payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.mapping.cache import MappingCache
from app.mapping.directives import DIRECTIVES
from app.mapping.errors import InvalidMapping, MappingFailed
from app.mapping.location import Evaluate, Location
from app.mapping.root_directive import rewrite_root
from app.mapping.validate import faults_of
from app.mapping.values import ABSENT, MAXIMUM_DEPTH, kind_of, running_directive

_TOO_DEEP = "is nested too deeply."


class CompiledMapping:
    """A validated mapping that can be applied to any number of payloads.

    It has no state and may be shared between threads. It does not see later changes to the mapping that it was
    compiled from.
    """

    __slots__ = ("_evaluate",)

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate

    def resolve(self, payload: Any = ABSENT) -> Any:
        """Map one payload, an object. Returns None if the result is absent.

        Without a payload, `{}` is mapped. The result may share parts with the payload. Raises `MappingFailed`.
        """
        if not isinstance(payload, dict):
            payload = _object_only(payload)
        return self._run(payload)

    def resolve_batch(self, payloads: Sequence[Any]) -> list[Any]:
        """Map a list of payloads of any type. Returns one result for each. Raises `MappingFailed`."""
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
    """Validate and compile a mapping. Raises `InvalidMapping`.

    A malformed root directive is not a fault of validation: it makes every run fail.
    """
    try:
        return CompiledMapping(_compile_complete(mapping, Location()))
    except RecursionError:
        raise InvalidMapping([f"/ {_TOO_DEEP}"]) from None


_cache: MappingCache[CompiledMapping] = MappingCache()


def resolve(mapping: Any, payload: Any = ABSENT) -> Any:
    """Validate a mapping and apply it to one payload. Raises `MappingError`."""
    payload = _object_only(payload)
    return _cache.get_or_compile(mapping, compile_mapping).resolve(payload)


def resolve_batch(mapping: Any, payloads: Sequence[Any]) -> list[Any]:
    """Validate a mapping once and apply it to each payload of a list. Raises `MappingError`."""
    return _cache.get_or_compile(mapping, compile_mapping).resolve_batch(payloads)


def _object_only(payload: Any) -> dict[str, Any]:
    if payload is ABSENT:
        return {}
    if isinstance(payload, dict):
        return payload
    raise MappingFailed("", f"expects an object as payload but got {kind_of(payload)}.")


def _compile_complete(mapping: Any, location: Location) -> Evaluate:
    try:
        mapping = rewrite_root(mapping)
    except MappingFailed as failure:
        return location.failing(f"cannot be rewritten: {failure}")
    faults = faults_of(mapping)
    if faults:
        raise InvalidMapping(faults)
    return _compile(mapping, location)


def _compile_stage(mapping: Any, location: Location) -> Evaluate:
    """Compile the first stage of a `@transform`, which is a complete mapping."""
    try:
        evaluate = _compile_complete(mapping, location.dropping_absent())
    except InvalidMapping as invalid:
        return location.failing(f"is invalid: {invalid}")

    def run(payload: Any) -> Any:
        if payload is ABSENT:
            payload = {}
        if not isinstance(payload, dict):
            raise MappingFailed(
                location.path, f"expects an object as payload but got {kind_of(payload)}."
            )
        return evaluate(payload)

    return run


def _compile(node: Any, location: Location) -> Evaluate:
    if location.depth > MAXIMUM_DEPTH:
        return location.failing(_TOO_DEEP)
    if isinstance(node, dict):
        name = running_directive(node)
        return (
            _compile_object(node, location)
            if name is None
            else _compile_directive(name, node, location)
        )
    if isinstance(node, list):
        return _compile_array(node, location)
    return lambda payload: node


def _compile_directive(name: str, node: dict[str, Any], location: Location) -> Evaluate:
    if name not in DIRECTIVES:
        return location.failing(f"has an invalid directive: {name}.")
    return DIRECTIVES[name](node[name], location.at(name), _compile, _compile_stage)


def _compile_array(node: list[Any], location: Location) -> Evaluate:
    items = [_compile(item, location.at(index)) for index, item in enumerate(node)]
    if location.keep_absent:
        return lambda payload: [evaluate(payload) for evaluate in items]

    def build(payload: Any) -> list[Any]:
        values = [evaluate(payload) for evaluate in items]
        return [None if value is ABSENT else value for value in values]

    return build


def _compile_object(node: dict[str, Any], location: Location) -> Evaluate:
    """Compile plain data. A prepared copy holds the constants and keeps the order of the keys."""
    prepared = {key: None if isinstance(item, dict | list) else item for key, item in node.items()}
    members = [
        (key, _compile(item, location.at(key)))
        for key, item in node.items()
        if isinstance(item, dict | list)
    ]
    if location.keep_absent:
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
