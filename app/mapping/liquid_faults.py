"""Faults of the Liquid templates in a mapping that can be found without a payload: syntax, and filters that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from liquid.exceptions import LiquidError

from app.core.suggestions import did_you_mean
from app.mapping.liquid_engine import filters_of, known_filters, known_tags, parse_template
from app.mapping.values import running_directive

QUOTE = "'"


def liquid_faults(mapping: Any) -> list[str]:
    """Return a message for each faulty template, as ``validate`` words its own: a location, a space and a sentence."""
    try:
        return list(_of_part(mapping, ""))
    except RecursionError:
        return []


def _of_part(node: Any, location: str) -> Iterator[str]:
    if isinstance(node, dict):
        name = running_directive(node)
        if name == "@liquid" and isinstance(node[name], str):
            fault = _fault(node[name])
            if fault:
                yield f"{location}/@liquid {fault}"
            return
        for key, value in node.items():
            yield from _of_part(value, f"{location}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _of_part(value, f"{location}/{index}")


def _fault(source: str) -> str | None:
    try:
        template = parse_template(source)
    except LiquidError as error:
        return f"is no usable Liquid template{_line(error, source)}: {_words(error)}"
    unknown = [name for name in filters_of(template) if name not in known_filters()]
    if not unknown:
        return None
    name = unknown[0]
    return f"uses the Liquid filter {name[:100]}, which does not exist here.{_meant(name, known_filters())}"


def _words(error: LiquidError) -> str:
    words = str(error.args[0]) if error.args else type(error).__name__
    _, found, tag = words.partition("unexpected tag ")
    if not found:
        return f"{words}."
    return f"{words}.{_meant(tag.strip(QUOTE), known_tags())}"


def _meant(name: str, known: Sequence[str]) -> str:
    near = did_you_mean(name, known)
    return near or f" There are {', '.join(known)}."


def _line(error: LiquidError, source: str) -> str:
    token = error.token
    if token is None or token.start_index < 0:
        return ""
    return f" (line {source.count(chr(10), 0, token.start_index) + 1})"
