"""Forms with a file. The fields come first, and are read whole; then the file is read as it comes in, never held in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.core.errors import BadRequest, PayloadTooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MULTIPART = "multipart/form-data"
_CUT = "The form is cut off. Send it again."
_FILE_IS_LAST = "A form has one file, as its last field."


@dataclass(frozen=True, slots=True)
class SentFile:
    """The file of a form: its name, empty if none was chosen, and its bytes, which can be read once."""

    name: str
    pieces: AsyncIterator[bytes]


@dataclass(slots=True)
class _Part:
    """A field or a file, by its header ``Content-Disposition``."""

    name: str
    file_name: str | None


class _Events:
    """What the parser finds in the pieces of a body: parts, their data, and the end."""

    def __init__(self, boundary: bytes) -> None:
        self.found: list[_Part | bytes] = []
        self.is_complete = False
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_begin": self._begin_header,
            "on_header_field": self._adding(0),
            "on_header_value": self._adding(1),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": lambda data, start, end: self.found.append(data[start:end]),
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, piece: bytes) -> Sequence[_Part | bytes]:
        """Return what a piece of the body contains. Raises FormParserError."""
        self.found.clear()
        self._parser.write(piece)
        return self.found

    def _begin_part(self) -> None:
        self._disposition = b""

    def _begin_header(self) -> None:
        self._header = (bytearray(), bytearray())

    def _adding(self, index: int) -> Callable[[bytes, int, int], None]:
        def add(data: bytes, start: int, end: int) -> None:
            self._header[index].extend(data[start:end])

        return add

    def _end_header(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])

    def _end_headers(self) -> None:
        options = parse_options_header(self._disposition)[1]
        name, file_name = options.get(b"name", b""), options.get(b"filename")
        self.found.append(
            _Part(
                name.decode("utf-8", "replace"),
                None if file_name is None else file_name.decode("utf-8", "replace"),
            )
        )

    def _end(self) -> None:
        self.is_complete = True


async def read_multipart(
    content_type: str, body: AsyncIterator[bytes], *, most_bytes: int, most_fields: int
) -> tuple[dict[str, list[str]], SentFile]:
    """Read the fields of a form up to its file: ``({name: values}, file)``. A form without a file has an empty one.

    The file raises BadRequest while it is read if the form ends before it does, or has another field after it.
    Raises BadRequest if the form cannot be read; PayloadTooLarge above ``most_bytes`` of fields.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise BadRequest("The form names no boundary.")
    found = _parts(boundary, body)
    fields: dict[str, list[bytearray]] = {}
    value, size, count = bytearray(), 0, 0
    async for event in found:
        if isinstance(event, bytes):
            size += len(event)
            value += event
        elif event.file_name is not None:
            return _texts(fields), SentFile(event.file_name, _file(found))
        else:
            count += 1
            value = bytearray()
            fields.setdefault(event.name, []).append(value)
        if size > most_bytes or count > most_fields:
            raise PayloadTooLarge(
                f"A form has at most {most_fields} fields and {most_bytes} bytes, besides its file."
            )
    return _texts(fields), SentFile("", _file(found))


def _texts(fields: Mapping[str, Sequence[bytearray]]) -> dict[str, list[str]]:
    return {
        name: [value.decode("utf-8", "replace") for value in values]
        for name, values in fields.items()
    }


async def _parts(boundary: bytes, body: AsyncIterator[bytes]) -> AsyncGenerator[_Part | bytes]:
    try:
        events = _Events(boundary)
        async for piece in body:
            if piece:
                for event in events.feed(piece):
                    yield event
    except FormParserError as error:
        raise BadRequest(f"The form cannot be read: {error}") from None
    if not events.is_complete:
        raise BadRequest(_CUT)


async def _file(found: AsyncGenerator[_Part | bytes]) -> AsyncIterator[bytes]:
    async with aclosing(found):
        async for event in found:
            if not isinstance(event, bytes):
                raise BadRequest(_FILE_IS_LAST)
            yield event
