"""Placeholders in text: `{{{name}}}` in a first pass, `{{name}}` in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from app.mapping.paths import lookup, split_path
from app.mapping.text import joined, text_of, trim


def _cut(text: str, braces: int) -> Iterator[str]:
    """Yield text and placeholder names in turn, beginning and ending with text.

    Each closing brace is visited once, so that the time is linear in the text.
    """
    opening, closing = "{" * braces, "}" * braces
    copied = position = 0
    while (start := text.find(opening, position)) >= 0:
        end = text.find("}", start + braces)
        if end < 0:
            break
        if end > start + braces and text.startswith(closing, end):
            yield text[copied:start]
            yield text[start + braces : end]
            copied = position = end + braces
        else:
            position = end + 1
    yield text[copied:]


def _values(name: str) -> Callable[[Any], str]:
    look_up = lookup(split_path(trim(name)))
    return lambda payload: text_of(look_up(payload))


def _one_pass(text: str, braces: int, payload: Any, location: str) -> str:
    pieces = _cut(text, braces)
    return joined(
        (_values(piece)(payload) if odd % 2 else piece for odd, piece in enumerate(pieces)),
        location,
    )


def render_template(text: str, payload: Any, location: str) -> str:
    """Fill in a template that is computed at run time."""
    return _one_pass(_one_pass(text, 3, payload, location), 2, payload, location)


def compile_template(text: str, location: str) -> Callable[[Any], str]:
    """Compile a template into a function of the payload."""
    if len(list(_cut(text, 3))) > 1:
        # The second pass also fills placeholders in the values that the first pass inserted.
        return lambda payload: render_template(text, payload, location)
    pieces = list(_cut(text, 2))
    texts, fill = pieces[::2], [_values(name) for name in pieces[1::2]]
    if not fill:
        return lambda payload: text
    if len(fill) == 1:
        return _around_one(texts[0], fill[0], texts[1], location)
    parts = [
        part
        for pair in zip(map(_constant, texts), [*fill, _constant("")], strict=True)
        for part in pair
    ]
    return lambda payload: joined([part(payload) for part in parts], location)


def template_reads(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys of each placeholder. An empty tuple means the whole payload, which `{{{name}}}` may read.

    The second pass fills placeholders in the values that the first pass inserted, so any path may be read.
    """
    if len(list(_cut(text, 3))) > 1:
        yield ()
        return
    for name in list(_cut(text, 2))[1::2]:
        yield split_path(trim(name))


def _constant(text: str) -> Callable[[Any], str]:
    return lambda payload: text


def _around_one(
    before: str, fill: Callable[[Any], str], after: str, location: str
) -> Callable[[Any], str]:
    def render(payload: Any) -> str:
        text = before + fill(payload) + after
        return text if text.isascii() else joined((text,), location)

    return render
