"""A search for a person in everything that is stored: all rows of the database, all files, all columns of Parquet files."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from app.core import clock
from app.services.erasure import carry_on_erasure, request_erasure
from app.storage.models import Erasure
from app.storage.repositories.erasures import ErasureRepository
from tests.flow import ACTOR, Flow
from tests.stepping import Hand

ADA: dict[str, Any] = {
    "profile_id": "p-ada-17",
    "email": "Ada@Example.com",
    "phone": "+4915112345678",
    "plan": "gold",
}
GRACE: dict[str, Any] = {"profile_id": "p-grace-3", "email": "grace@example.com", "plan": "free"}
NAMES = ("p-ada-17", "ada@example.com", "+4915112345678", "4915112345678")

_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)


async def leaks(flow: Flow, *texts: str) -> list[str]:
    """Return where texts are found, in any case: ``table: row`` or ``path: text``."""
    names = "|".join(map(re.escape, texts or NAMES))
    pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE)
    found = []
    for row in await flow.platform.hot.fetch(_TABLES):
        table = row["tablename"]
        for (line,) in await flow.platform.hot.fetch(f'SELECT to_jsonb(t)::text FROM "{table}" t'):
            found += [f"{table}: {line}"] if pattern.search(line) else []
    for file in files_of(flow):
        found += [f"{file}: {text[:200]}" for text in _texts(file) if pattern.search(text)]
    return found


def files_of(flow: Flow) -> list[Path]:
    """Return the files of the object store in a folder."""
    folder = Path(flow.platform.settings.storage.removeprefix("file://"))
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _texts(file: Path) -> Iterable[str]:
    content = file.read_bytes()
    yield content.decode("utf-8", errors="replace")
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content).decode("utf-8", errors="replace")
    if content[:4] == b"PAR1":
        table = pq.read_table(file)
        for name in table.column_names:
            yield name
            yield from map(str, table[name].to_pylist())


async def ask_to_erase(flow: Flow, name: str = "p-ada-17", *, refuse: bool = False) -> str:
    """Request an erasure; its id."""
    async with flow.platform.unit_of_work() as session:
        erasure = await request_erasure(
            session,
            flow.platform.keyring,
            space_id=flow.space_id,
            name=name,
            refuse=refuse,
            actor=ACTOR,
        )
        return erasure.id


async def state_of(flow: Flow, erasure_id: str) -> Erasure:
    """Return the row of an erasure."""
    async with flow.platform.unit_of_work() as session:
        return await ErasureRepository(session).require(flow.space_id, erasure_id)


async def one_pass(flow: Flow, erasure_id: str) -> Erasure:
    """Carry out a pass now, however long the next one should wait. No file counts as just written."""
    moment = clock.now().timestamp() - 120
    for file in files_of(flow):
        os.utime(file, (moment, moment))
    await flow.platform.hot.execute("UPDATE erasure SET next_at = NULL, lease_until = NULL")
    await carry_on_erasure(flow.platform, flow.space_id, erasure_id, lane="test")
    return await state_of(flow, erasure_id)


async def carried_out(flow: Flow, erasure_id: str, *, passes: int = 8) -> Erasure:
    """Carry out passes, and what follows from them, until the erasure is complete."""
    erasure = await one_pass(flow, erasure_id)
    for _ in range(passes):
        if erasure.state == "complete":
            return erasure
        await Hand(flow).quiet()
        if [wait["reason"] for wait in erasure.waits] == ["reader"]:
            await asyncio.sleep(0.2)
        erasure = await one_pass(flow, erasure_id)
    raise AssertionError(f"not complete: {erasure.found} {erasure.waits}")


async def erase(flow: Flow, name: str = "p-ada-17", *, refuse: bool = False) -> Erasure:
    """Erase a person; the row of the complete erasure."""
    return await carried_out(flow, await ask_to_erase(flow, name, refuse=refuse))
