"""Literal find and replace, for the directive `@replace`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.mapping.errors import MappingFailed
from app.mapping.text import has_half_pair, in_units, joined, units

LONGEST_PART: Final = 10
"""Maximum length of a pattern or a replacement, in UTF-16 units."""

_SPECIAL: Final = re.compile(r"\$([$&`'])")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A pattern, its replacement, and the options `ignorecase` and `global`."""

    pattern: str
    replacement: str
    ignore_case: bool
    everywhere: bool

    def apply(self, text: str, location: str) -> str:
        """Replace in a text. Raises `MappingFailed` if the pattern, the replacement or the result is too long.

        Validation checks the length of the first pattern and its replacement, but not inside arrays.
        """
        for name, part in (("pattern", self.pattern), ("replacement", self.replacement)):
            if units(part) > LONGEST_PART:
                raise MappingFailed(location, f"has a {name} of more than {LONGEST_PART} units.")
        pattern = self.pattern
        if has_half_pair(pattern):
            text, pattern = in_units(text), in_units(pattern)
        return joined(self._parts(text, pattern), location)

    def _parts(self, text: str, pattern: str) -> Iterator[str]:
        searched = upper_characters(text) if self.ignore_case else text
        wanted = upper_characters(pattern) if self.ignore_case else pattern
        copied = 0
        while (start := searched.find(wanted, copied)) >= 0:
            end = start + len(wanted)
            yield text[copied:start]
            yield self._inserted(text, start, end)
            copied = end
            if not self.everywhere:
                break
        yield text[copied:]

    def _inserted(self, text: str, start: int, end: int) -> str:
        if "$" not in self.replacement:
            return self.replacement
        meanings = {"$": "$", "&": text[start:end], "`": text[:start], "'": text[end:]}
        return _SPECIAL.sub(lambda special: meanings[special[1]], self.replacement)


def upper_characters(text: str) -> str:
    """Convert to upper case without changing the length.

    A character is converted only if both forms are single UTF-16 units, and both or neither are ASCII.
    """
    return text.upper() if text.isascii() else "".join(map(_upper_character, text))


def _upper_character(character: str) -> str:
    upper = character.upper()
    if len(upper) != 1 or ord(character) > 0xFFFF or ord(upper) > 0xFFFF:
        return character
    return upper if upper.isascii() == character.isascii() else character
