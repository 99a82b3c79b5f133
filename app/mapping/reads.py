"""The paths of the payload that a mapping reads, found without a payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.mapping.errors import MappingFailed
from app.mapping.liquid_reads import liquid_reads
from app.mapping.paths import split_path, without_root
from app.mapping.root_directive import rewrite_root
from app.mapping.templates import template_reads
from app.mapping.values import running_directive

Keys = tuple[str, ...]

_WHOLE: Keys = ()


def paths_read(mapping: Any) -> frozenset[Keys]:
    """Return the keys of every path of the payload that decides the result of a mapping.

    A path stands for everything below it. An empty tuple means the whole payload: the mapping reads it, or what it reads
    depends on the payload. A mapping that fails on every payload may read more than is returned.
    """
    try:
        return frozenset(_of_complete(mapping))
    except RecursionError:
        return frozenset([_WHOLE])


def _of_complete(mapping: Any) -> Iterator[Keys]:
    try:
        mapping = rewrite_root(mapping)
    except MappingFailed:
        return
    yield from _of_part(mapping)


def _of_part(node: Any) -> Iterator[Keys]:
    if isinstance(node, dict):
        name = running_directive(node)
        if name is None:
            yield from _of_parts(node.values())
        else:
            yield from _of_directive(name, node[name])
    elif isinstance(node, list):
        yield from _of_parts(node)


def _of_parts(nodes: Any) -> Iterator[Keys]:
    for node in nodes:
        yield from _of_part(node)


def _of_directive(name: str, argument: Any) -> Iterator[Keys]:
    match name, argument:
        case "@path", str():
            yield split_path(without_root(argument))
        case "@template", str():
            yield from template_reads(argument)
        case "@path" | "@template", _:
            yield _WHOLE  # the text is computed from the payload
        case "@liquid", str():
            yield from liquid_reads(argument)
        case "@arrayPath", [str() as path, *_]:
            yield split_path(without_root(path))
        case "@arrayPath", [source, *_]:
            yield from _of_part(source)  # the shape sees the items only
        case "@transform", {"apply": apply}:
            yield from _of_complete(apply)  # the second mapping sees the result of the first only
        case _, dict() if running_directive(argument) is None:
            yield from _of_parts(argument.values())
        case _:
            yield from _of_part(argument)
