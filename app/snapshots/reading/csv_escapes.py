"""Quotes that are escaped by backslashes, as in ``"say \\"hi\\", Ann"``. The reader knows only quotes that are written twice.

Most of such files have a fault that the reader finds. In others a value seems to end after the backslash, and the next quote is
then within a value that has no quotes around it. A program that writes quotes twice writes no such value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.snapshots.engine import Dialect

_ESCAPED = '\\"'


class EscapedQuotes:
    """Looks for such quotes in the records of one file, in their order."""

    def __init__(self, dialect: Dialect) -> None:
        delimiter = re.escape(dialect.delimiter or ",")
        blanks = " *" if dialect.skips_blanks else ""
        self._cells = re.compile(
            rf'(?:^|{delimiter})(?:{blanks}"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>[^{delimiter}\r\n]*))'
        )
        self._doubtful = False  # the last quote so far is after a backslash, and ends a value

    def found_in(self, lines: Sequence[str]) -> bool:
        """Report whether a record, as it is written, shows that a quote is escaped by a backslash."""
        if not self._doubtful and not any(_ESCAPED in line for line in lines):
            return False
        return any(map(self._is_escaped, self._cells.finditer("".join(lines))))

    def _is_escaped(self, cell: re.Match[str]) -> bool:
        quoted = cell["quoted"]
        if quoted is None:
            return self._doubtful and '"' in cell["plain"]
        self._doubtful = (len(quoted) - len(quoted.rstrip("\\"))) % 2 == 1
        return False
