"""Values of forms by name, as a query or a body has them: each name has a list of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormValues:
    """The texts of a form: ``{name: texts}``."""

    texts: Mapping[str, Sequence[str]]

    def one(self, name: str, default: str = "") -> str:
        """Return the text of a field without blanks around it; the default if the field was not sent."""
        found = self.texts.get(name)
        return found[-1].strip() if found else default

    def all(self, name: str) -> list[str]:
        """Return the texts of a repeated field that are not empty, once each."""
        return list(
            dict.fromkeys(text.strip() for text in self.texts.get(name, ()) if text.strip())
        )

    def rows(self, *names: str) -> Iterator[tuple[str, ...]]:
        """Yield the rows of a table of inputs, in which each name is repeated in each row. Missing texts are empty."""
        columns = [self.texts.get(name, ()) for name in names]
        for index in range(max((len(column) for column in columns), default=0)):
            yield tuple(column[index].strip() if index < len(column) else "" for column in columns)

    def has(self, name: str) -> bool:
        """Return whether a field was sent."""
        return name in self.texts
