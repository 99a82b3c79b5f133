"""Removal of HTML from text, in time linear in its length, also for malformed HTML."""

from __future__ import annotations

import re
from typing import Final

_LINE_TERMINATOR: Final = re.compile("[\n\r\u2028\u2029]")
_PAIRS: Final = (("<script", "</script>"), ("<style", "</style>"))


class _Finder:
    """Finds the next position of a few marks. Each mark is searched once over the whole text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: dict[str, int] = {}

    def after(self, mark: str, position: int) -> int:
        """Return the first position of a mark at or after ``position``, or the length of the text."""
        found = self._next.get(mark, -1)
        if found < position:
            found = self._search(mark, position)
            self._next[mark] = found
        return found

    def _search(self, mark: str, position: int) -> int:
        if mark == "\n":
            match = _LINE_TERMINATOR.search(self._text, position)
            return match.start() if match else len(self._text)
        found = self._text.find(mark, position)
        return found if found >= 0 else len(self._text)


def strip_html(text: str) -> str:
    """Remove scripts and styles with their content, tags that end on their line, and comments."""
    finder = _Finder(text)
    kept: list[str] = []
    copied = position = 0
    while (start := text.find("<", position)) >= 0:
        end = _end_of_markup(text, start, finder)
        if end:
            kept.append(text[copied:start])
            copied = position = end
        else:
            position = start + 1
    kept.append(text[copied:])
    return "".join(kept)


def _end_of_markup(text: str, start: int, finder: _Finder) -> int:
    """Return the end of the markup that begins at `start`, or 0 if no markup begins there."""
    for opening, closing in _PAIRS:
        if text.startswith(opening, start):
            end = finder.after(closing, start + len(opening))
            if end < len(text):
                return end + len(closing)
    end = finder.after(">", start + 1)
    if end < min(finder.after("\n", start), len(text)):
        return end + 1
    if text.startswith("<!--", start):
        end = finder.after("-->", start + 4)
        return end + 3 if end < len(text) else 0
    return 0
