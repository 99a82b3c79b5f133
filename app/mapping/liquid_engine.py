"""Liquid templates: the Liquid library, configured with the rules and limits of the mapping language."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.filters.misc import date
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.if_tag import IfNode, IfTag
from liquid.builtin.tags.unless_tag import UnlessNode, UnlessTag
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.token import Token
from liquid.undefined import is_undefined
from liquid.utils import ReadOnlyChainMap

from app.mapping.errors import MappingFailed
from app.mapping.liquid_conditions import adapt
from app.mapping.liquid_filters import FILTERS, forbidden
from app.mapping.liquid_values import MAXIMUM_SIZE, size_in_liquid, text_in_liquid, too_large
from app.mapping.location import Evaluate
from app.mapping.text import paired, units

MAXIMUM_SOURCE: Final = 1000
"""Maximum length of a template, in UTF-16 units."""

RENDER_SECONDS: Final = 0.5
"""Maximum duration of one rendering."""

_TAGS: Final = frozenset(
    [
        "#",
        "assign",
        "capture",
        "comment",
        "cycle",
        "decrement",
        "echo",
        "if",
        "increment",
        "liquid",
        "unless",
    ]
)
_PARTS: Final = frozenset(["content", "output", "illegal"])
_LONGEST_DATE: Final = 100


class _Context(RenderContext):
    """The state of one rendering. It also limits the size of what is created, and the time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Without `now` and `today` of the library: a mapping sees only its payload.
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self._ends_at = time.monotonic() + RENDER_SECONDS
        self._size = 0

    def spend(self, size: int) -> None:
        """Count the size of a new value. Raises `LiquidError` if the size or time limit is exceeded."""
        self._size += size
        if self._size > MAXIMUM_SIZE:
            raise too_large()
        if time.monotonic() > self._ends_at:
            raise LiquidError(f"takes more than {RENDER_SECONDS} seconds", token=None)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """Return the filter with this name. An unknown filter returns its input."""
        error = forbidden(name)
        if error:
            raise error
        function, arguments = (_date, 1) if name == "date" else FILTERS.get(name, (_unchanged, 0))

        def apply(left: object, *others: object, **named: object) -> object:
            given = [_plain(value) for value in (left, *others[:arguments])]
            options = named if name == "default" else {}
            try:
                result = function(*given, **options)
            except TypeError as mismatch:
                reason = f"filter '{name}' lacks an argument or has one of the wrong kind"
                raise LiquidError(reason, token=token) from mismatch
            self.spend(size_in_liquid(result))
            return result

        return apply


def _plain(value: object) -> Any:
    return None if is_undefined(value) else value


def _unchanged(value: Any) -> Any:
    return value


def _date(value: Any, form: Any = "%A, %B %-e, %Y at %-l:%M %P %z") -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int) or len(str(value)) > _LONGEST_DATE:
        return text_in_liquid(value)
    return str(date(value, text_in_liquid(form), environment=_ENVIRONMENT))


def _write(context: RenderContext, expression: Expression, buffer: TextIO) -> int:
    text = text_in_liquid(expression.evaluate(context))
    if isinstance(context, _Context):
        context.spend(len(text))
    return buffer.write(text)


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _write(context, self.expression, buffer)


class _EchoNode(EchoNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _write(context, self.expression, buffer)


class _Output(Output):
    node_class = _OutputNode


class _Echo(EchoTag):
    node_class = _EchoNode


class _If(IfTag):
    def parse(self, stream: TokenStream) -> Node:
        return _adapted(super().parse(stream))


class _Unless(UnlessTag):
    def parse(self, stream: TokenStream) -> Node:
        return _adapted(super().parse(stream))


def _adapted(node: Node) -> Node:
    if isinstance(node, IfNode | UnlessNode):
        node.condition = adapt(node.condition)
        for alternative in node.alternatives:
            alternative.expression = adapt(alternative.expression)
    return node


class _Template(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    template_class = _Template
    suppress_blank_control_flow_blocks = False
    string_sequences = True
    logical_not_operator = True
    block_nesting_limit = 60

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS | _PARTS}
        for tag in (_Output, _Echo, _If, _Unless):
            self.add_tag(tag)
        # `_Context.filter` returns the filters, since it knows the limits of the rendering.
        self.filters = {}


_ENVIRONMENT: Final = _Environment()


def compile_liquid(source: str, location: str) -> Evaluate:
    """Compile a Liquid template into a function of the payload.

    The function raises `MappingFailed` if the rendering fails, or if the template is too long or malformed: the
    `LiquidError` of a malformed template is not raised here.
    """
    try:
        template = parse_template(source)
    except LiquidError as error:
        return _failing(f"is no usable template: {_reason(error)}.", location)

    def render(payload: Any) -> str:
        try:
            return paired(template.render(payload if isinstance(payload, dict) else {}))
        except Exception as error:
            raise MappingFailed(location, f"cannot be rendered: {_reason(error)}.") from error

    return render


def parsed_template(source: str) -> BoundTemplate | None:
    """Return the nodes of a template, or None if it is too long or malformed."""
    try:
        return parse_template(source)
    except LiquidError:
        return None


def parse_template(source: str) -> BoundTemplate:
    """Parse a template. Raises `LiquidError` if it is too long or malformed."""
    length = units(source)
    if length > MAXIMUM_SOURCE:
        raise LiquidError(f"has {length} units, more than {MAXIMUM_SOURCE}", token=None)
    return _ENVIRONMENT.from_string(source)


def known_filters() -> list[str]:
    """Return the names of all filters."""
    return sorted({*FILTERS, "date"})


def known_tags() -> list[str]:
    """Return the names of all tags."""
    return sorted(_TAGS - {"#"})


def filters_of(template: BoundTemplate) -> Iterator[str]:
    """Yield the name of each filter that a template uses."""
    context = RenderContext(template)
    nodes = list(template.nodes)
    while nodes:
        node = nodes.pop(0)
        for expression in node.expressions():
            yield from _filters_in(expression)
        nodes = [*node.children(context), *nodes]


def _filters_in(expression: Expression) -> Iterator[str]:
    for attribute in ("filters", "tail_filters"):
        for used in getattr(expression, attribute, None) or ():
            yield str(used.name)
    for child in expression.children():
        yield from _filters_in(child)


def _failing(reason: str, location: str) -> Evaluate:
    def fail(payload: Any) -> str:
        raise MappingFailed(location, reason)

    return fail


def _reason(error: Exception) -> str:
    """Describe an error. Only texts of the library are used: they contain nothing of the payload."""
    return (
        str(error.args[0])
        if isinstance(error, LiquidError) and error.args
        else type(error).__name__
    )
