"""Each type of PostgreSQL, with ordinary, absent and extreme values, from a real server."""

# ruff: noqa: DTZ001  (moments in UTC have no zone in a file)
# fmt: off
from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from tests.integration.sources.test_reader import Reader, reader  # noqa: F401  a fixture
from tests.users_database import USER, UsersDatabase

INF, NAN = float("inf"), float("nan")
LAST, FIRST = datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1)
HALF = datetime(2026, 2, 28, 12, 30, 0, 100000)


class Kind(NamedTuple):
    """A type of PostgreSQL: values as its text, the type in the engine, and what is read. Each has an absent value, too."""

    name: str
    values: list[str]
    engine: str
    read: list[Any] | None  # None: as the values


KINDS = [
    Kind('boolean', ['t', 'f'], 'BOOLEAN', [True, False]),
    Kind('smallint', ['-32768', '32767'], 'SMALLINT', [-32768, 32767]),
    Kind('integer', ['-2147483648', '2147483647'], 'INTEGER', [-2147483648, 2147483647]),
    Kind('bigint', ['-9223372036854775808', '9223372036854775807'], 'BIGINT', [-9223372036854775808, 9223372036854775807]),
    Kind('oid', ['4294967295'], 'BIGINT', [4294967295]),
    Kind('real', ['1.1', '-0', 'NaN', 'Infinity', '-Infinity', '1e-45', '3.4028235e38', '0.1'], 'FLOAT', [1.100000023841858, -0.0, NAN, INF, -INF, 1.401298464324817e-45, 3.4028234663852886e+38, 0.10000000149011612]),
    Kind('double precision', ['1.1', '-0', 'NaN', 'Infinity', '-Infinity', '5e-324', '1.7976931348623157e308', '0.30000000000000004', '123456789.123456789'], 'DOUBLE', [1.1, -0.0, NAN, INF, -INF, 5e-324, 1.7976931348623157e+308, 0.30000000000000004, 123456789.12345679]),
    Kind('numeric', ['0', '-12.340', '0.00000000000000000001', '999999999999999999', '1e5'], 'DECIMAL', [Decimal("0E-20"), Decimal("-12.34000000000000000000"), Decimal("1E-20"), Decimal("999999999999999999.00000000000000000000"), Decimal("100000.00000000000000000000")]),
    Kind('numeric(38, 10)', ['9999999999999999999999999999.9999999999', '-0.0000000001'], 'DECIMAL', [Decimal("9999999999999999999999999999.9999999999"), Decimal("-1E-10")]),
    Kind('numeric(5, -2)', ['12345'], 'DECIMAL', [Decimal("12300")]),
    Kind('money', ['-12.34', '92233720368547758.07'], 'DECIMAL', [Decimal("-12.34"), Decimal("92233720368547758.07")]),
    Kind('text', ['', ' a ', 'say "hi"', 'a,b;c', 'line\nline\r\nline\r', '\\N', '\\.', 'NULL', 'tab\there', 'ä€😀', "'", 'nan'], 'VARCHAR', None),
    Kind('varchar(3)', ['abc', ''], 'VARCHAR', None),
    Kind('char(5)', ['ab', ''], 'VARCHAR', None),
    Kind('name', ['ab'], 'VARCHAR', None),
    Kind('"char"', ['a', ''], 'VARCHAR', None),
    Kind('date', ['0001-01-01', '9999-12-31', 'infinity', '-infinity', '2026-02-28'], 'DATE', [date(1, 1, 1), date(9999, 12, 31), date(9999, 12, 31), date(1, 1, 1), date(2026, 2, 28)]),
    Kind('timestamp', ['0001-01-01', '9999-12-31 23:59:59.999999', 'infinity', '-infinity', '2026-02-28 12:30:00.1', '1969-12-31 23:59:59.999999'], 'TIMESTAMP', [FIRST, LAST, LAST, FIRST, HALF, datetime(1969, 12, 31, 23, 59, 59, 999999)]),
    Kind('timestamptz', ['0001-01-01 00:00:00+00', '9999-12-31 23:59:59.999999+00', 'infinity', '-infinity', '2026-02-28 12:30:00.123456-08'], 'TIMESTAMP', [FIRST, LAST, LAST, FIRST, datetime(2026, 2, 28, 20, 30, 0, 123456)]),
    Kind('time', ['24:00', '12:30:00.5'], 'VARCHAR', ['24:00:00', '12:30:00.5']),
    Kind('timetz', ['12:30:00.5+02'], 'VARCHAR', None),
    Kind('interval', ['1 year -2 days 03:04:05.5', '0'], 'VARCHAR', ['1 year -2 days +03:04:05.5', '00:00:00']),
    Kind('uuid', ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'], 'VARCHAR', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']),
    Kind('inet', ['10.1.2.3', '10.1.2.0/24', '::1'], 'VARCHAR', None),
    Kind('cidr', ['10.1.2.0/24', '10.1.2.3/32'], 'VARCHAR', None),
    Kind('macaddr', ['08:00:2b:01:02:03'], 'VARCHAR', None),
    Kind('bit(3)', ['101'], 'VARCHAR', None),
    Kind('bit varying', ['1', ''], 'VARCHAR', None),
    Kind('json', ['{"b":1,  "a":[1,null]}', 'null', '"x\\ny"'], 'JSON', None),
    Kind('jsonb', ['{"b":1,  "a":[1.50,"ä"]}', 'null'], 'JSON', ['{"a": [1.50, "ä"], "b": 1}', 'null']),
    Kind('point', ['(1.5,2)'], 'VARCHAR', None),
    Kind('tsvector', ['a fat cat'], 'VARCHAR', ["'a' 'cat' 'fat'"]),
    Kind('pg_lsn', ['16/B374D848'], 'VARCHAR', None),
    Kind('mood', ['sad'], 'VARCHAR', None),
    Kind('small_number', ['7'], 'INTEGER', [7]),
    Kind('pair', ['(1,"x, y")', '(,)'], 'JSON', ['{"a":1,"b":"x, y"}', '{"a":null,"b":null}']),
    Kind('int4range', ['[1,5)', 'empty'], 'VARCHAR', None),
    Kind('tstzrange', ['[2026-01-01 00:00+00,)'], 'VARCHAR', ['["2026-01-01 00:00:00+00",)']),
    Kind('int4multirange', ['{[1,5),[7,9)}'], 'VARCHAR', None),
    Kind('boolean[]', ['{t,f,NULL}', '{}'], 'BOOLEAN[]', [[True, False, None], []]),
    Kind('smallint[]', ['{1,NULL}'], 'SMALLINT[]', [[1, None]]),
    Kind('integer[]', ['{1,NULL}', '{}', '[0:1]={5,6}'], 'INTEGER[]', [[1, None], [], [5, 6]]),
    Kind('bigint[]', ['{9223372036854775807}'], 'BIGINT[]', [[9223372036854775807]]),
    Kind('real[]', ['{1.1,NaN,-Infinity}'], 'FLOAT[]', [[1.100000023841858, NAN, -INF]]),
    Kind('double precision[]', ['{1.1,NaN,-Infinity,0.30000000000000004,5e-324,NULL}'], 'DOUBLE[]', [[1.1, NAN, -INF, 0.30000000000000004, 5e-324, None]]),
    Kind('numeric[]', ['{1.50,NaN,12345678901234567890}'], 'DOUBLE[]', [[1.5, NAN, 1.2345678901234567e+19]]),
    Kind('text[]', ['{a,NULL,"",ä😀,"say \\"hi\\"","a,b","back\\\\slash","NULL","{}"}', '{"line\nline\t"}', '{}'], 'VARCHAR[]', [['a', None, '', 'ä😀', 'say "hi"', 'a,b', 'back\\slash', 'NULL', '{}'], ['line\nline\t'], []]),
    Kind('varchar(3)[]', ['{abc}'], 'VARCHAR[]', [['abc']]),
    Kind('uuid[]', ['{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'], 'VARCHAR[]', [['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']]),
    Kind('date[]', ['{2026-02-28,infinity,-infinity,NULL}'], 'DATE[]', [[date(2026, 2, 28), date(9999, 12, 31), date(1, 1, 1), None]]),
    Kind('timestamp[]', ['{2026-02-28 12:30:00.1,infinity,-infinity,NULL}'], 'TIMESTAMP[]', [[HALF, LAST, FIRST, None]]),
    Kind('timestamptz[]', ['{2026-02-28 12:30:00.1-08,infinity}'], 'TIMESTAMP[]', [[datetime(2026, 2, 28, 20, 30, 0, 100000), LAST]]),
    Kind('jsonb[]', ['{"{\\"a\\": 1}"}'], 'VARCHAR[]', [['{"a": 1}']]),
    Kind('mood[]', ['{sad,NULL}'], 'VARCHAR[]', [['sad', None]]),
    Kind('interval[]', ['{1 day 02:00}'], 'VARCHAR[]', [['1 day 02:00:00']]),
    Kind('pair[]', ['{"(1,x)"}'], 'VARCHAR[]', [['(1,x)']]),
    Kind('money[]', ['{12.34}'], 'VARCHAR[]', [['$12.34']]),
    Kind('inet[]', ['{10.1.2.3,10.1.2.0/24}'], 'VARCHAR[]', [['10.1.2.3/32', '10.1.2.0/24']]),
]
# fmt: on


def shown(value: str | None, kind: str) -> str:
    """A literal of SQL."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + f"'::{kind}"


async def test_is_read_as_documented(reader: Reader, users_database: UsersDatabase) -> None:  # noqa: F811
    users_database.sql("CREATE TYPE pair AS (a int, b text);")
    columns = []
    for number, kind in enumerate(KINDS):
        cases = " ".join(
            f"WHEN {i} THEN {shown(value, kind.name)}" for i, value in enumerate(kind.values)
        )
        columns.append(f"CASE i {cases} END AS c{number}")
    most = max(len(kind.values) for kind in KINDS)
    sql = f"SELECT {', '.join(columns)} FROM generate_series(0, {most}) AS i ORDER BY i"
    stats = await reader.stats(sql)
    table = pq.read_table(reader.out)
    for number, kind in enumerate(KINDS):
        found, read = table[f"c{number}"].to_pylist(), kind.read or kind.values
        assert stats.columns[f"c{number}"] == kind.engine, kind.name
        # By their text: NaN is not equal to itself, and -0.0 is equal to 0.0.
        assert repr(found[: len(read)]) == repr(read), kind.name
        assert found[len(read) :] == [None] * (most + 1 - len(read)), kind.name


async def test_rows_of_one_column(reader: Reader) -> None:  # noqa: F811
    """Each is a line of its own, also without any character."""
    rows = await reader.rows(
        r"SELECT * FROM (VALUES (NULL), (''), ('\.'), ('\N'), (NULL), ('x')) AS t(x)"
    )
    assert [row["x"] for row in rows] == [None, "", r"\.", r"\N", None, "x"]


async def test_a_byte_order_mark_is_part_of_a_text(reader: Reader) -> None:  # noqa: F811
    rows = await reader.rows("SELECT chr(65279) || g AS x FROM generate_series(1, 2) AS g")
    assert [row["x"] for row in rows] == ["\ufeff1", "\ufeff2"]


async def test_settings_of_the_role_change_no_value(
    reader: Reader,  # noqa: F811
    users_database: UsersDatabase,
) -> None:
    settings = {"extra_float_digits": "-10", "DateStyle": "German", "TimeZone": "Asia/Tokyo", "client_encoding": "LATIN1",
                "IntervalStyle": "iso_8601", "standard_conforming_strings": "off"}  # fmt: skip
    for name, value in settings.items():
        users_database.sql(f"ALTER ROLE {USER} SET {name} = '{value}'")
    try:
        (row,) = await reader.rows(
            r"""SELECT 0.1::float8 + 0.2 AS a, ARRAY[0.1::float8 + 0.2] AS b, date '2026-02-28' AS c, interval '1 day' AS d,
            timestamptz '2026-02-28 12:30:00.1Z' AS e, 'ä\n' AS f"""
        )
    finally:
        users_database.sql(f"ALTER ROLE {USER} RESET ALL")
    assert list(row.values()) == [0.1 + 0.2, [0.1 + 0.2], date(2026, 2, 28), "1 day", HALF, "ä\\n"]
