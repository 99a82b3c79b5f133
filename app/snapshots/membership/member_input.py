"""What an uploaded membership's columns become in a snapshot, and where its faults are."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, sql_name, sql_text
from app.snapshots.membership.id_faults import IdFaults
from app.snapshots.membership.membership import IDENTIFIERS, Members
from app.snapshots.reading import Source, is_code, parquet_trait, typed_columns, typed_json_columns


@dataclass(frozen=True, slots=True)
class MemberColumns:
    """The SELECT list over an upload, and what it makes."""

    select: str
    member: str  # the input column of the member: profile_id, or entity_id where linked
    required: tuple[str, ...]
    traits: dict[str, str]
    identifiers: list[str]

    @property
    def narrow(self) -> bool:
        """Whether there are ids and nothing else."""
        return not self.traits and not self.identifiers


def member_columns(
    cursor: Cursor, source: Source, *, linked: bool, like: Members | None = None
) -> MemberColumns:
    """Work the columns out; ``like`` gives traits the types that a membership has already."""
    required = ("entity_id", "profile_id") if linked else ("profile_id",)
    for column in required:
        if column not in source.columns:
            shown = ", ".join(list(source.columns)[:20])
            raise Invalid(
                f"The column {column} is missing; the columns are {shown}.", data={"column": column}
            )
    rest = [column for column in source.columns if column not in required]
    identifiers = [column for column in rest if column in IDENTIFIERS]
    entities = [column for column in rest if linked and column.startswith("ent_")]
    plain = [column for column in rest if column not in {*identifiers, *entities}]
    traits = _traits(cursor, source, plain, like)
    parts = [f"{_key(source, required[0])} AS member_id"]
    parts += [f"{_key(source, column)} AS {column}" for column in required[1:]]
    parts += [
        f"{_identifier(source, column)} AS {sql_name('id_' + column)}" for column in identifiers
    ]
    parts += [f"{expression} AS {sql_name('t_' + column)}" for column, expression in traits.items()]
    if entities:
        shapes = _traits(cursor, source, entities, None)
        parts += [f"{expression} AS {sql_name(column)}" for column, expression in shapes.items()]
    select = ", ".join(parts)
    kinds = cursor.sql(f"SELECT {select} FROM {source.sql}")
    found = dict(zip(kinds.columns, kinds.types, strict=True))
    return MemberColumns(
        select,
        required[0],
        required,
        {column: str(found["t_" + column]) for column in traits},
        identifiers,
    )


def _key(source: Source, column: str) -> str:
    """The id as text; NULL (found afterwards) where it is missing or not text."""
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            return quoted
        case "ndjson":
            return (
                f"CASE WHEN json_type({quoted}) = 'VARCHAR' THEN nullif({quoted} ->> '$', '') END"
            )
        case "parquet":
            kind = source.columns[column]
            if kind.id != "varchar":
                raise Invalid(
                    f"The column {column} has the type {kind}; it must be text.",
                    data={"column": column},
                )
            return f"nullif({quoted}, '')"


def _identifier(source: Source, column: str) -> str:
    """The values of an identifier as a list, oldest first; NULL for none."""
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            values = f"""CASE WHEN {quoted} LIKE '[%' AND json_valid({quoted})
                THEN from_json({quoted}, '["VARCHAR"]') ELSE [{quoted}] END"""
        case "ndjson":
            values = f"""CASE json_type({quoted}) WHEN 'VARCHAR' THEN [{quoted} ->> '$']
                WHEN 'ARRAY' THEN from_json({quoted}, '["VARCHAR"]') WHEN 'NULL' THEN NULL
                ELSE CASE WHEN {quoted} IS NOT NULL THEN error({sql_text(_marked(column))}) END END"""
        case _:
            values = _parquet_identifier(source, column)
    kept = f"list_filter({values}, lambda v: v IS NOT NULL AND v <> '')"
    return f"CASE WHEN len({kept}) > 0 THEN {kept} END"


def _marked(column: str) -> str:
    return f"identifier is not text: {column}"


def _parquet_identifier(source: Source, column: str) -> str:
    kind = source.columns[column]
    if kind.id == "varchar":
        return f"[{sql_name(column)}]"
    if kind.id == "list" and dict(kind.children)["child"].id == "varchar":
        return sql_name(column)
    raise Invalid(
        f"The column {column} has the type {kind}; it must be text or a list of texts.",
        data={"column": column},
    )


def _traits(
    cursor: Cursor, source: Source, columns: list[str], like: Members | None
) -> dict[str, str]:
    match source.upload.format:
        case "csv":
            texts = {column: sql_name(column) for column in columns}
            open_columns = {column: texts[column] for column in columns if not is_code(column)}
            return texts | typed_columns(cursor, source.sql, open_columns)
        case "ndjson":
            known = like.traits if like else {}
            return typed_json_columns(cursor, source.sql, columns, known)
        case "parquet":
            return {column: parquet_trait(column, source.columns[column]) for column in columns}


# Faults


def refuse_faulty(
    cursor: Cursor,
    source: Source,
    columns: MemberColumns,
    faults: IdFaults,
    *,
    removed: bool = False,
) -> None:
    """Raise ``Invalid`` where ids are missing, repeated or hold control characters.

    ``faults`` are those of the written file.
    """
    repeated = faults.repeated
    if faults.missing:
        raise _missing(cursor, source, columns.member)
    for column in columns.required[1:]:
        row = cursor.execute(
            f"SELECT 1 FROM {source.sql} WHERE {_key(source, column)} IS NULL LIMIT 1"
        ).fetchall()
        if row:
            raise _missing(cursor, source, column)
    if faults.control is not None:
        shown = orjson.dumps(faults.control[:100]).decode()
        raise Invalid(
            f"{columns.member} has a control character: {shown}.", data={"column": columns.member}
        )
    if repeated:
        shown = ", ".join(repeated)
        words = "in both add and remove, or twice" if removed else "more than once"
        raise Invalid(
            f"{columns.member} must be unique; these stand {words}: {shown}.",
            data={"column": columns.member, "duplicates": repeated},
        )


def _missing(cursor: Cursor, source: Source, column: str) -> Invalid:
    for row, value in _values(cursor, source, column):
        if value is None or value == "":
            return Invalid(f"Line {row} has no {column}.", data={"row": row, "column": column})
        if not isinstance(value, str):
            return Invalid(
                f"Line {row}: {column} must be text, not {orjson.dumps(value).decode()[:100]}.",
                data={"row": row, "column": column},
            )
    return Invalid(f"A row has no {column}.", data={"column": column})


def locate(
    cursor: Cursor, source: Source, column: str, faulty: Callable[[Any], bool]
) -> tuple[int, Any] | None:
    """The first row (CSV and NDJSON: line) at fault, with its value. Reads anew; only errors come here."""
    return next(
        ((row, value) for row, value in _values(cursor, source, column) if faulty(value)), None
    )


def _values(cursor: Cursor, source: Source, column: str) -> Iterator[tuple[int, Any]]:
    match source.upload.format:
        case "csv":
            with source.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=source.delimiter)
                place = list(source.columns).index(column)
                next(reader)
                for row in reader:
                    if row:
                        yield reader.line_num, row[place]
        case "ndjson":
            with source.path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, orjson.loads(line).get(column)
        case "parquet":
            rows = cursor.execute(
                f"SELECT file_row_number + 1, {sql_name(column)} FROM "
                f"read_parquet({sql_text(str(source.path))}, file_row_number = true) "
                f"WHERE nullif({sql_name(column)}, '') IS NULL LIMIT 1"
            ).fetchall()
            yield from rows
