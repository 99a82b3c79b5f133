"""A scan of the bytes of a CSV file: whether the engine reads it as Python's csv module does.

The engine reads regular files several times faster. In a regular file, all records end in the same way and have as many
cells as the header; quotes are around whole values, and doubled within them; no record is empty or may repeat the header; there
is no byte order mark after the first bytes, and no half surrogate.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Invalid
from app.snapshots.reading.csv_samples import line_at, long_line, not_utf8, nul_fault
from app.snapshots.reading.encodings import UTF8_MARK
from app.snapshots.reading.source import MAX_LINE

_CHUNK = 4 * 1024 * 1024
_LF, _CR, _QUOTE = b'\n\r"'
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")

_Bytes = np.ndarray[Any, np.dtype[np.uint8]]
_Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(slots=True)
class CsvScan:
    """What a scan found. ``line_end`` is that of a regular file; ``broken_values``: a value has a line end."""

    regular: bool = True
    line_end: str = "\n"
    broken_values: bool = False


class CsvScanner:
    """Scans a file. ``starts`` are the values with which a record may repeat the header; ``width`` is that of the header."""

    def __init__(self, path: Path, delimiter: str, width: int, starts: Collection[str]) -> None:
        self.found = CsvScan()
        self._path, self._delimiter, self._width = path, ord(delimiter[0]), width
        plain = [start.encode("utf-8", "surrogatepass") for start in starts]
        self._starts = [*plain, *(b'"' + start + b'"' for start in plain)]
        self._first = np.array(sorted({start[0] for start in self._starts}), np.uint8)

    def scan(self, *, may_be_regular: bool) -> CsvScan:
        """Scan all bytes. Raises Invalid, with the line, for NUL bytes, text that is not UTF-8, and lines without end."""
        self.found.regular = may_be_regular
        for offset, block in self._blocks():
            self._check_text(offset, block)
            if self.found.regular:
                begins = offset == 0
                text = block.removeprefix(UTF8_MARK) if begins else block
                self.found.regular = self._is_regular(text, begins=begins)
        return self.found

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield the file in pieces of whole lines, of whole records as long as it is regular."""
        offset, rest = 0, b""
        with self._path.open("rb") as file:
            while piece := file.read(_CHUNK):
                buffer = rest + piece
                end = self._last_end(buffer)
                if end:
                    yield offset, buffer[:end]
                offset, rest = offset + end, buffer[end:]
                self._limit(offset, rest)
        if rest:
            yield offset, rest

    def _last_end(self, buffer: bytes) -> int:
        """Return the length of the whole records (irregular: lines) in a buffer."""
        if self.found.regular and b'"' in buffer:
            places = np.frombuffer(buffer, np.uint8)
            ends = _outside(_places(places, _QUOTE), _places(places, _LF))
            return int(ends[-1]) + 1 if ends.size else 0
        return (buffer.rfind(b"\n") + 1) or (buffer.rfind(b"\r", 0, len(buffer) - 1) + 1)

    def _limit(self, offset: int, rest: bytes) -> None:
        if len(rest) <= MAX_LINE:
            return
        if b"\n" not in rest and b"\r" not in rest:
            raise long_line(line_at(self._path, offset))
        self.found.regular = False  # most likely a quote is not closed

    def _check_text(self, offset: int, block: bytes) -> None:
        if (place := block.find(b"\0")) >= 0:
            raise nul_fault(self._path, offset + place)
        if block.isascii():
            return
        if block.find(UTF8_MARK, 1) >= 0 or (offset and block.startswith(UTF8_MARK)):
            self.found.regular = False
        try:
            block.decode()
        except UnicodeDecodeError as error:
            self._check_halves(offset, block, error)

    def _check_halves(self, offset: int, block: bytes, error: UnicodeDecodeError) -> None:
        """Accept half surrogates, which the slower reader replaces. Raises Invalid for all other faults of UTF-8."""
        if _SURROGATE.search(block) is None:
            raise self._not_utf8(offset + error.start)
        self.found.regular = False
        try:
            block.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as fault:
            raise self._not_utf8(offset + fault.start) from None

    def _not_utf8(self, offset: int) -> Invalid:
        return not_utf8(self._path, line_at(self._path, offset))

    def _is_regular(self, block: bytes, *, begins: bool) -> bool:
        found = np.frombuffer(block, np.uint8)
        quotes = _places(found, _QUOTE) if b'"' in block else np.empty(0, np.intp)
        ends = _places(found, _LF)
        outside = _outside(quotes, ends)
        self.found.broken_values |= outside.size < ends.size
        if begins and outside.size and found[outside[0] - 1] == _CR:
            self.found.line_end = "\r\n"
        stops = self._stops(block, found, quotes, outside)
        if stops is None or not _quotes_fit(found, quotes, self._delimiter):
            return False
        ends = outside if block.endswith(b"\n") else np.append(outside, found.size)
        starts = np.append(0, ends[:-1] + 1)
        return self._widths_fit(found, quotes, starts, stops, ends) and not self._may_repeat(
            found, starts[1:] if begins else starts
        )

    def _stops(self, block: bytes, found: _Bytes, quotes: _Places, ends: _Places) -> _Places | None:
        """Return where the last value of each record ends; None if the records end in different ways."""
        returns = np.empty(0, np.intp)
        if b"\r" in block:
            returns = _outside(quotes, _places(found, _CR))
        if self.found.line_end == "\n":
            stops = None if returns.size else ends
        else:
            stops = returns if np.array_equal(returns, ends - 1) else None
        if stops is None or block.endswith(b"\n"):
            return stops
        return np.append(stops, found.size)

    def _widths_fit(
        self, found: _Bytes, quotes: _Places, starts: _Places, stops: _Places, ends: _Places
    ) -> bool:
        """Report whether all records are as wide as the header, and none is empty."""
        delimiters = _counts(_outside(quotes, _places(found, self._delimiter)), ends)
        if (delimiters != self._width - 1).any():
            return False
        lengths = stops - starts
        empty = delimiters + _counts(quotes, ends) if quotes.size else delimiters
        return bool((lengths > empty).all() and lengths.max(initial=0) <= MAX_LINE)

    def _may_repeat(self, found: _Bytes, starts: _Places) -> bool:
        """Report whether a record begins with a name of a column, as a repeated header does."""
        starts = starts[np.isin(found[starts], self._first)]
        return any(self._begins_with(found, starts, name) for name in self._starts)

    def _begins_with(self, found: _Bytes, starts: _Places, name: bytes) -> bool:
        for place, byte in enumerate(name):
            starts = starts[starts + place < found.size]
            starts = starts[found[starts + place] == byte]
            if not starts.size:
                return False
        after = starts + len(name)
        last = (after >= found.size).any()
        return bool(last or np.isin(found[after], [self._delimiter, _LF, _CR]).any())


def _places(found: _Bytes, byte: int) -> _Places:
    return np.flatnonzero(found == byte)


def _outside(quotes: _Places, places: _Places) -> _Places:
    """Return the places that are not within quotes: an even number of quotes is before them."""
    return places[np.searchsorted(quotes, places) & 1 == 0] if quotes.size else places


def _counts(places: _Places, ends: _Places) -> _Places:
    """Count the places before each end and after the end before."""
    return np.diff(np.searchsorted(places, ends), prepend=0)


def _quotes_fit(found: _Bytes, quotes: _Places, delimiter: int) -> bool:
    """Report whether quotes are around whole values, and doubled within them."""
    opening, closing = quotes[::2], quotes[1::2]
    if opening.size != closing.size:
        return False
    before = found[opening[opening > 0] - 1]
    after = found[closing[closing < found.size - 1] + 1]
    return bool(
        np.isin(before, [delimiter, _LF, _QUOTE]).all()
        and np.isin(after, [delimiter, _LF, _CR, _QUOTE]).all()
    )
