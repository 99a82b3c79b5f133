"""Comparisons in `@liquid` conditions. As in the reference implementation, text can be compared as a number."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final

from liquid import RenderContext
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalNotExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty, Nil
from liquid.expression import Expression
from liquid.token import Token
from liquid.undefined import is_undefined

from app.mapping.liquid_values import NUMBER, number_in_liquid, text_in_liquid
from app.mapping.text import text_of, trim

Compare = Callable[[Any, Any], bool]


class Comparison(Expression):
    """Two sides and a test. Replaces a comparison of the library, which refuses mixed types."""

    __slots__ = ("compare", "left", "right")

    def __init__(self, token: Token, left: Expression, right: Expression, compare: Compare) -> None:
        super().__init__(token)
        self.left = left
        self.right = right
        self.compare = compare

    def evaluate(self, context: RenderContext) -> bool:
        """Compare the two sides."""
        return self.compare(self.left.evaluate(context), self.right.evaluate(context))

    def children(self) -> Iterable[Expression]:
        """Return the two sides."""
        return [self.left, self.right]


def _ordered(test: Callable[[Any, Any], bool]) -> Compare:
    def compare(left: Any, right: Any) -> bool:
        left, right = _primitive(left), _primitive(right)
        if isinstance(left, str) and isinstance(right, str):
            return test(
                left.encode("utf-16-be", "surrogatepass"),
                right.encode("utf-16-be", "surrogatepass"),
            )
        return test(_magnitude(left), _magnitude(right))

    return compare


def _primitive(value: Any) -> Any:
    """Compare lists and objects by their text."""
    return text_of(value) if isinstance(value, list | dict) else value


def _magnitude(value: Any) -> float:
    """Convert a value to a number to compare. Other values become NaN, which is never less or greater."""
    if value is None or isinstance(value, bool | int | float):
        return number_in_liquid(value)
    if isinstance(value, str) and (not trim(value) or NUMBER.fullmatch(value)):
        return number_in_liquid(value)
    return math.nan


def _equal(left: Any, right: Any) -> bool:
    left, right = (None if is_undefined(side) else side for side in (left, right))
    if isinstance(left, Blank | Empty):
        left, right = right, left
    if isinstance(right, Blank):
        return (
            left is None
            or left is False
            or (isinstance(left, str) and not trim(left))
            or left in ([], {})
        )
    if isinstance(right, Empty):
        return left in ("", [], {})
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _contains(left: Any, right: Any) -> bool:
    if is_undefined(right):
        right = None
    if isinstance(left, str):
        return text_in_liquid(right) in left if right is not None else False
    if isinstance(left, list):
        return any(
            isinstance(item, bool) == isinstance(right, bool) and item == right for item in left
        )
    return False


_TESTS: Final[dict[type[Expression], Compare]] = {
    EqExpression: _equal,
    NeExpression: lambda left, right: not _equal(left, right),
    LtExpression: _ordered(operator.lt),
    LeExpression: _ordered(operator.le),
    GtExpression: _ordered(operator.gt),
    GeExpression: _ordered(operator.ge),
    ContainsExpression: _contains,
}


_ORDERED = (LtExpression, LeExpression, GtExpression, GeExpression)
_COMPARISONS = (EqExpression, NeExpression, ContainsExpression, *_ORDERED)


def _never(left: Any, right: Any) -> bool:
    """Return False: `nil` written in a template is never less or greater. A null in the payload counts as 0."""
    return False


def adapt(expression: Expression) -> Expression:
    """Replace the comparisons in a parsed condition, in place. Returns the new expression."""
    if isinstance(expression, BooleanExpression):
        expression.expression = adapt(expression.expression)
    elif isinstance(expression, LogicalNotExpression):
        expression.right = adapt(expression.right)
    elif isinstance(expression, LogicalAndExpression | LogicalOrExpression):
        expression.left = adapt(expression.left)
        expression.right = adapt(expression.right)
    elif isinstance(expression, _COMPARISONS):
        test = _TESTS[type(expression)]
        sides = (expression.left, expression.right)
        if isinstance(expression, _ORDERED) and any(isinstance(side, Nil) for side in sides):
            test = _never
        return Comparison(expression.token, expression.left, expression.right, test)
    return expression
