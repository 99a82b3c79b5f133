from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from app.sources.postgres.copy_rows import _Pieces


async def test_a_piece_ends_where_a_row_ends_however_the_server_cuts_its_messages() -> None:
    lost: Any = SimpleNamespace(_transport=None)
    pieces = _Pieces(lost)
    rows = b"1," + b"x" * 5000 + b'\n2,"one ""line""\nand a \n'
    await pieces.take(rows[:3000])
    await pieces.take(rows[3000:])  # ends with a line break that is part of a value
    assert pieces.ready.empty()
    await pieces.take(b'third"\n')
    assert pieces.ready.get_nowait() == rows + b'third"\n'
