"""The paths of the payload that a Liquid template reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import Path
from liquid.expression import Expression

from app.mapping.liquid_engine import parsed_template

# Liquid computes these from the value before them if it has no such key.
_OF_THE_WHOLE = frozenset(["first", "last", "size"])


def liquid_reads(source: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys of each path in a template. An empty tuple means the whole payload.

    Names that the template assigns count too: a name that is assigned in one branch is read from the payload in the other.
    A template that is too long or malformed fails when it is run and reads nothing.
    """
    template = parsed_template(source)
    if template is not None:
        context = RenderContext(template)
        for node in template.nodes:
            yield from _of_node(node, context)


def _of_node(node: Node, context: RenderContext) -> Iterator[tuple[str, ...]]:
    yield from _of_expressions(node.expressions())
    for child in node.children(context):
        yield from _of_node(child, context)


def _of_expressions(expressions: Iterable[Expression]) -> Iterator[tuple[str, ...]]:
    for expression in expressions:
        if isinstance(expression, Path):
            yield _constant_keys(expression)
        yield from _of_expressions(expression.children())


def _constant_keys(path: Path) -> tuple[str, ...]:
    """Return the keys up to the first that is computed."""
    keys: list[str] = []
    for segment in path.path:
        if not isinstance(segment, str | int) or (keys and segment in _OF_THE_WHOLE):
            break
        keys.append(str(segment))
    return tuple(keys)
