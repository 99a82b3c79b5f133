"""Forms with a file: fields first, then the file as it comes in, cut at any byte; and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.console.multipart import read_multipart
from app.core.errors import BadRequest, PayloadTooLarge

TYPE = "multipart/form-data; boundary=xyz"
FILE = b"email\r\n--xy\r\na@b.test\r\n--xyx no end\r\n--xy\r\n-\r\n\r\n" * 3


def _part(disposition: str, value: bytes) -> bytes:
    return (
        f"--xyz\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + value + b"\r\n"
    )


FIELDS = _part('name="a"', b"1") + _part('name="a"', "é".encode()) + _part('name="b"', b"")
SENT = _part('name="file"; filename="résum%22é.csv"', FILE)
END = b"--xyz--\r\n"


async def _cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def _read(
    body: bytes, size: int = 1000, *, most_bytes: int = 1000, most_fields: int = 10
) -> tuple[dict[str, list[str]], str, bytes]:
    fields, file = await read_multipart(
        TYPE, _cut(body, size), most_bytes=most_bytes, most_fields=most_fields
    )
    return fields, file.name, b"".join([piece async for piece in file.pieces])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 1000])
async def test_a_form_is_read_wherever_its_body_is_cut(size: int) -> None:
    fields, name, content = await _read(FIELDS + SENT + END, size)
    assert fields == {"a": ["1", "é"], "b": [""]}
    assert name == "résum%22é.csv"
    assert content == FILE


async def test_the_file_is_not_read_before_it_is_asked_for() -> None:
    asked = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal asked
        yield FIELDS + SENT[:-2]
        for _ in range(100):
            asked += 1
            yield b"x" * 1000
        yield b"\r\n" + END

    fields, file = await read_multipart(TYPE, body(), most_bytes=100, most_fields=3)
    assert fields["a"] == ["1", "é"]
    assert asked == 0
    assert sum([len(piece) async for piece in file.pieces]) == len(FILE) + 100_000


async def test_no_file_is_a_file_without_a_name() -> None:
    empty = _part('name="file"; filename=""', b"")
    assert await _read(FIELDS + empty + END) == ({"a": ["1", "é"], "b": [""]}, "", b"")
    assert (await _read(FIELDS + END))[1:] == ("", b"")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (FIELDS + SENT, "cut off"),
        (FIELDS + SENT[:-9], "cut off"),
        (FIELDS, "cut off"),
        (b"", "cut off"),
        (FIELDS + SENT + _part('name="late"', b"1") + END, "as its last field"),
        (FIELDS + SENT + SENT + END, "as its last field"),
        (b"a=1&b=2", "cannot be read"),
    ],
)
async def test_a_form_that_is_cut_off_or_in_another_order_is_refused(
    body: bytes, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        await _read(body)


async def test_fields_have_a_limit_and_the_file_has_none_here() -> None:
    assert len((await _read(FIELDS + SENT + END, most_bytes=3, most_fields=3))[2]) == len(FILE)
    with pytest.raises(PayloadTooLarge, match="besides its file"):
        await _read(FIELDS + SENT + END, most_bytes=2)
    with pytest.raises(PayloadTooLarge, match="at most 2 fields"):
        await _read(FIELDS + SENT + END, most_fields=2)
    with pytest.raises(BadRequest, match="no boundary"):
        await read_multipart("multipart/form-data", _cut(b"", 1), most_bytes=1, most_fields=1)
