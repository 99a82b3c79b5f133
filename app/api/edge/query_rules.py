"""What the query of an operation may contain. It is checked here for all operations, by their parameters in the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import QueryParams

from app.core.errors import Invalid, Problem
from app.core.suggestions import did_you_mean, listed, shown_name

# Clients also write ``pagination.count`` for ``pagination[count]``.
_DOTTED = re.compile(r"\.(\w+)$")


@dataclass(frozen=True, slots=True)
class QueryRules:
    """The parameters of an operation: names of texts and objects, of fields of objects, and values of texts with an enumeration.

    ``is_closed``: other names are refused, so that a misspelt filter does not return everything. Segment's operations ignore them.
    """

    texts: Sequence[str] = ()
    objects: Sequence[str] = ()
    fields: Sequence[str] = ()  # such as ``pagination[count]``
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_closed: bool = False

    @classmethod
    def of(cls, parameters: Iterable[Mapping[str, Any]], *, is_closed: bool) -> QueryRules:
        """Return the rules of OpenAPI parameters."""
        schemas = {one["name"]: one["schema"] for one in parameters}
        objects = [name for name, schema in schemas.items() if schema["type"] == "object"]
        return cls(
            [name for name in schemas if name not in objects],
            objects,
            [f"{name}[{part}]" for name in objects for part in schemas[name]["properties"]],
            {name: schema["enum"] for name, schema in schemas.items() if "enum" in schema},
            is_closed,
        )

    def check(self, query: QueryParams) -> None:
        """Raise Invalid for a value that is none of the choices; if closed, for an unknown name, and a text that is empty or there twice."""
        problems: list[Problem] = []
        seen: set[str] = set()
        for name, value in query.multi_items():
            words = self._fault(name, value, seen)
            if words is not None:
                problems.append(Problem(words, shown_name(name)))
            seen.add(name)
        if problems:
            raise Invalid("invalid query", problems=problems)

    def _fault(self, name: str, value: str, seen: set[str]) -> str | None:
        choices = self.choices.get(name)
        if choices is not None and value not in choices:
            given = f', not "{shown_name(value)}"' if value else ", not empty"
            few = " or ".join(choices) if len(choices) < 3 else f"one of {listed(choices)}"
            return f"must be {few}{given}.{did_you_mean(value, choices)}"
        if not self.is_closed:
            return None
        if name in self.texts:
            if not value:
                return "must not be empty: give a value, or leave it out"
            return "must be given once" if name in seen else None
        if name in self.objects or _DOTTED.sub(r"[\1]", name) in self.fields:
            return None
        known = sorted((*self.texts, *self.fields))
        if not known:
            return "is not a parameter here: this operation has none. Leave it out."
        hint = did_you_mean(name, known)
        return f"is not a parameter here.{hint} The parameters are {listed(known)}."


NO_PARAMETERS = QueryRules()
