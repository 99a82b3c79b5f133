"""Statements that are built once for each form, with a parameter for each value.

SQLAlchemy takes longer to build an expression, and to find what it was compiled to, than PostgreSQL takes to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

from sqlalchemy import BindParameter, DateTime, Executable, Interval, bindparam

P = ParamSpec("P")
T = TypeVar("T", bound=Executable)

_KINDS: dict[type, dict[str, Any]] = {
    str: {},
    int: {},
    datetime: {"type_": DateTime(timezone=True)},
    timedelta: {"type_": Interval()},
    list: {"expanding": True},
}


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A statement without its values, and the same statement with locks."""

    statement: T
    locked: dict[Any, T] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Built(Generic[T]):
    """A statement with its values."""

    form: Form[T]
    values: dict[str, Any]


def built(build: Callable[P, T]) -> Callable[P, Built[T]]:
    """Decorate a function that builds a statement from its arguments, which are given by position.

    Texts, numbers and times become parameters, and lists become parameters for ``in_``: the function must not look at them.
    It is called once for each combination of all others, such as None, a class or a tuple:

        @built
        def _of_run(space_id: str, states: list[str], state: RunState) -> Select[Run]:
            return select(Run).where(Run.space_id == space_id, Run.state == state)
    """
    forms: dict[Any, Form[T]] = {}

    @wraps(build)
    def make(*arguments: P.args, **named: P.kwargs) -> Built[T]:
        if named:
            raise TypeError("the arguments of a built statement are given by position")
        values = {
            f"p{index}": value for index, value in enumerate(arguments) if type(value) in _KINDS
        }
        key = tuple([type(value) if type(value) in _KINDS else value for value in arguments])
        form = forms.get(key)
        if form is None:
            parameters = [_parameter(index, value) for index, value in enumerate(arguments)]
            form = forms[key] = Form(_call(build, parameters))
        return Built(form, values)

    return make


def _call(build: Callable[..., T], parameters: Sequence[Any]) -> T:
    return build(*parameters)


def _parameter(index: int, value: Any) -> BindParameter[Any] | Any:
    options = _KINDS.get(type(value))
    return value if options is None else bindparam(f"p{index}", **options)
