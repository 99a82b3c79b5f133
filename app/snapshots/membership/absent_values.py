"""Counts of identifiers' values that are none: words for "no value", and what is no address and no number."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.absence import Absence
from app.domain.absent_words import ABSENT_WORDS, SHARED_WORDS
from app.domain.normalise import folded_sql, normalise_sql, word_sql
from app.domain.phone_numbers import NATIONAL
from app.snapshots.engine import Counts, Cursor, parquet_relation, registered, sql_name, sql_text
from app.snapshots.membership.member_input import MemberColumns
from app.snapshots.membership.plain_values import PLAIN_KINDS, not_plain

_BATCH = 100_000  # rows
_SEVERAL = r"(?s).*@.*[,;\s].*@.*"
_DISPLAYED = r"(?s).*<[^<>@]+@[^<>]+>.*"


def count_absent(
    cursor: Cursor, members: Path, columns: MemberColumns, words: Collection[str]
) -> Counts:
    """Count the values of a written file that are no identifiers, by column of the upload and reason.

    Empty values do not count. ``words`` are the space's own words for "no value". A national phone number does not
    count: the country of a connection may make it valid.
    """
    names = {read.identifier: read.name for read in columns.read if read.identifier is not None}
    found = {
        names.get(name, name): reasons
        for name in columns.identifiers
        if (reasons := _count(cursor, members, name, words))
    }
    for column, count in columns.not_texts.items():
        found[column] = found.get(column, {}) | {Absence.NOT_A_TEXT.value: count}
    return found


def _count(cursor: Cursor, members: Path, name: str, words: Collection[str]) -> dict[str, int]:
    if name in PLAIN_KINDS and not words:
        return _count_unplain(cursor, members, name)
    values = f"""SELECT member_id, unnest({sql_name("id_" + name)}) AS v FROM {parquet_relation([members])}"""
    found = _reasons(cursor, f"({values})", name, words)
    shared = _shared(cursor, values) if name not in PLAIN_KINDS else 0
    return found | ({Absence.SHARED_WORD.value: shared} if shared else {})


def _count_unplain(cursor: Cursor, members: Path, name: str) -> dict[str, int]:
    """Count by the engine only what is not plain, which is mostly nothing."""
    found: Counter[str] = Counter()
    with pq.ParquetFile(members) as file:
        for batch in file.iter_batches(_BATCH, columns=["id_" + name]):
            values = not_plain(batch.column(0).flatten(), name)
            if len(values):
                with registered(cursor, "unplain", pa.table({"v": values})):
                    found.update(_reasons(cursor, "unplain", name, ()))
    return dict(sorted(found.items()))


def _reasons(cursor: Cursor, relation: str, name: str, words: Collection[str]) -> dict[str, int]:
    """Count the values ``v`` of a relation that are no identifiers, by reason."""
    fault = {"email": _of_email, "phone": _of_phone}.get(name, _of_id)()
    own = f"WHEN {word_sql('v', words)} THEN {_text(Absence.WORD)}" if words else ""
    rows = cursor.execute(
        f"""SELECT reason, count(*) FROM (SELECT CASE {own} {fault} END AS reason FROM {relation})
        WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason"""
    ).fetchall()
    return dict(rows)


def _shared(cursor: Cursor, values: str) -> int:
    """Count the values that are absent because two rows share them."""
    rows = cursor.execute(
        f"""SELECT count(*) FROM ({values}) WHERE {word_sql("v", SHARED_WORDS)}
        GROUP BY {folded_sql("v")} HAVING count(DISTINCT member_id) > 1"""
    ).fetchall()
    return sum(count for (count,) in rows)


def _of_email() -> str:
    return f"""WHEN {normalise_sql("v", "email")} IS NULL THEN CASE
            WHEN {word_sql("v", ABSENT_WORDS)} THEN {_text(Absence.WORD)}
            WHEN regexp_full_match(v, {sql_text(_SEVERAL)}) THEN {_text(Absence.ADDRESS_LIST)}
            WHEN regexp_full_match(v, {sql_text(_DISPLAYED)}) THEN {_text(Absence.DISPLAY_NAME)}
            ELSE {_text(Absence.NOT_AN_ADDRESS)} END"""


def _of_phone() -> str:
    # Most numbers begin with +, and a comparison costs far less than the pattern.
    national = f"CASE WHEN v >= '+' AND v < ',' THEN false ELSE regexp_full_match(v, {sql_text(NATIONAL)}) END"
    return f"""WHEN {national} THEN NULL WHEN {normalise_sql("v", "phone")} IS NULL THEN CASE
            WHEN {word_sql("v", ABSENT_WORDS)} THEN {_text(Absence.WORD)} ELSE {_text(Absence.NOT_A_NUMBER)} END"""


def _of_id() -> str:
    return f"""WHEN {normalise_sql("v", "text")} IS NULL THEN {_text(Absence.WORD)}"""


def _text(reason: Absence) -> str:
    return sql_text(reason.value)
