"""PostgreSQL's types as columns of a file: the cast that the server applies, and the Arrow type of the result.

Timestamps become UTC without a zone, like ``$as_of``. Exact numbers stay exact. Types that are not listed become text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from asyncpg.types import Attribute

from app.sources.postgres.failures import QueryRejected

#: The widest exact number that a file can hold. Its scale follows the values.
NUMERIC = pa.decimal128(38, 0)
JSON = pa.json_(pa.utf8())

_TEXT = pa.utf8()
_MOMENT = pa.timestamp("us")
_BYTEA = {17, 1001}
_LIST = "to_json(({})::text[])::text"  # a list of texts, whatever the elements are

# By OID, which is equal in every PostgreSQL: cast ({} is the column), type.
_PLAIN: dict[int, tuple[str, Any]] = {
    16: ("{}", pa.bool_()),
    21: ("{}", pa.int16()),
    23: ("{}", pa.int32()),
    20: ("{}", pa.int64()),
    26: ("{}::int8", pa.int64()),  # oid
    700: ("{}", pa.float32()),
    701: ("{}", pa.float64()),
    1700: ("{}", NUMERIC),
    790: ("{}::numeric", NUMERIC),  # money
    25: ("{}", _TEXT),
    1043: ("{}", _TEXT),  # varchar
    1082: ("{}", pa.date32()),
    1114: ("{}", _MOMENT),
    1184: ("{} AT TIME ZONE 'UTC'", _MOMENT),
    114: ("{}::text", JSON),
    3802: ("{}::text", JSON),  # jsonb
    869: ("abbrev({})", _TEXT),  # inet: its cast adds /32
    2249: ("to_json({})::text", JSON),  # a row
    1000: ("{}", pa.list_(pa.bool_())),
    1005: ("{}", pa.list_(pa.int16())),
    1007: ("{}", pa.list_(pa.int32())),
    1016: ("{}", pa.list_(pa.int64())),
    1021: ("{}", pa.list_(pa.float32())),
    1022: ("{}", pa.list_(pa.float64())),
    1231: ("{}::float8[]", pa.list_(pa.float64())),  # of numeric
    1182: ("{}", pa.list_(pa.date32())),
    1115: ("{}", pa.list_(_MOMENT)),
    1185: ("{}::timestamp[]", pa.list_(_MOMENT)),  # the session's zone is UTC
}
_NAMES = {
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    NUMERIC: "DECIMAL",
    pa.date32(): "DATE",
    _MOMENT: "TIMESTAMP",
    JSON: "JSON",
    _TEXT: "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result."""

    name: str
    expression: str  # over the column, quoted
    type: Any  # of Arrow

    @property
    def engine_type(self) -> str:
        """Return the name of the type in the embedded engine."""
        if pa.types.is_list(self.type):
            return f"{_NAMES[self.type.value_type]}[]"
        return _NAMES[self.type]


def columns_of(attributes: Sequence[Attribute]) -> list[Column]:
    """Return the columns of a result. Raises QueryRejected for duplicate names and for types that cannot be stored."""
    if not attributes:
        raise QueryRejected("The query returns no columns.")
    seen: set[str] = set()
    for attribute in attributes:
        if attribute.name.lower() in seen:
            raise QueryRejected(f"Duplicate column: {attribute.name}.")
        seen.add(attribute.name.lower())
    return [_column(attribute) for attribute in attributes]


def _column(attribute: Attribute) -> Column:
    kind = attribute.type
    if kind.oid in _BYTEA:
        raise QueryRejected(
            f"The column {attribute.name} has the type {kind.name}, which is not supported; leave it out, "
            "or encode it: encode(…, 'hex')."
        )
    if kind.oid in _PLAIN:
        cast, of = _PLAIN[kind.oid]
    elif kind.kind == "array":
        cast, of = "{}::text[]", pa.list_(_TEXT)
    elif kind.kind == "composite":
        cast, of = "to_json({})::text", JSON
    else:
        cast, of = "{}::text", _TEXT
    if pa.types.is_list(of):
        cast = _LIST.format(cast)
    return Column(attribute.name, cast.format(quoted(attribute.name)), of)


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def select(columns: Sequence[Column], sql: str) -> str:
    """Return the statement that reads ``sql`` with its columns cast."""
    shown = ", ".join(f"{column.expression} AS {quoted(column.name)}" for column in columns)
    return f"SELECT {shown} FROM (\n{sql}\n) AS answer"  # noqa: S608  (names are quoted; sql is one complete statement)
