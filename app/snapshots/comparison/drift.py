"""Drift: a partner's list against the holdings, as set operations over the list's pages in a scratch file."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.normalise import Normaliser, normalise_sql
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    FoldStats,
    LocalManifest,
    PlanSpec,
    copy_to,
    fetch_one,
    key_value,
    parquet_relation,
    sql_name,
    sql_text,
)
from app.snapshots.holdings import (
    COLUMNS,
    EMPTY,
    GONE,
    SHOWN,
    VALUE,
    count_held,
    fold_outcome,
    holdings_relation,
)
from app.snapshots.plans import write_plan

SAMPLES = 100
_ROWS_AT_ONCE = 20_000
_OURS = ", ".join(f"rows.{sql_name(column)}" for column in COLUMNS)
_WITH_LIST = "JOIN listed_places ON rows.place IS NOT DISTINCT FROM listed_places.place"
_HELD = "held IN ('yes', 'maybe')"
_TABLES = ("there", "there_keys", "listed_places", "ours", "pairs")


@dataclass(frozen=True, slots=True)
class Drift:
    """Counts, and up to 100 samples of each.

    ``missing``: held, and not there. ``extra``: there, though we have put it there and taken it away again.
    ``foreign``: there, and never ours. ``there`` counts the partner's members, ``held`` what we hold.
    """

    there: int
    held: int
    missing: int
    extra: int
    foreign: int
    missing_samples: Sequence[Mapping[str, Any]]
    extra_samples: Sequence[Mapping[str, Any]]
    foreign_samples: Sequence[Mapping[str, Any]]


class MembersFile:
    """Pages of a partner's members as one Parquet file: ``n, list, partner_id`` and a text for each identity field."""

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        texts = [pa.field(field, pa.string()) for field in ("list", "partner_id", *fields)]
        columns: list[pa.Field[Any]] = [pa.field("n", pa.int64()), *texts]
        self._schema = pa.schema(columns)
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Mapping[str, str]] = []
        self.rows = 0

    def add(self, page: Sequence[Mapping[str, str]], target: str) -> None:
        """One page of a list; small ones are written together."""
        self._rows += [{**member, "list": target} for member in page]
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        columns: list[pa.Array[Any]] = [
            pa.array(range(self.rows, self.rows + len(rows)), pa.int64())
        ]
        columns += [
            pa.array([row.get(field) for row in rows], pa.string())
            for field in self._schema.names[1:]
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self.rows += len(rows)

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()


def compare_with_partner(
    cursor: Cursor,
    listed: Path,
    fields: Mapping[str, Normaliser],
    targets: Mapping[str | None, str],
    holdings: LocalManifest,
    outcomes: Sequence[Path],
    repair: Path | None = None,
) -> Drift:
    """The partner's members (``listed``) against the holdings; ``outcomes`` of past syncs tell what was ours.

    ``targets`` says for each place of keys which list was read for it; keys of other places are left aside.

    ``repair``: a file for the holdings' delta that makes the next sync send what is missing, and take out what is
    extra. It names nothing that was never ours.
    """
    with _sides(cursor, listed, fields, targets, holdings, outcomes):
        missing = "FROM ours ANTI JOIN pairs USING (k) WHERE held = 'yes'"
        # Who is there under another key that we hold is not left over.
        extra = f"""FROM ours WHERE held IN ('removed', '{GONE}') AND k IN (
            SELECT k FROM pairs WHERE n NOT IN
                (SELECT n FROM pairs SEMI JOIN (SELECT k FROM ours WHERE {_HELD}) AS held USING (k)))"""
        foreign = "FROM there ANTI JOIN pairs USING (n)"
        drift = Drift(
            there=_count(cursor, "FROM there"),
            held=_count(cursor, f"FROM ours WHERE {_HELD}"),
            missing=_count(cursor, missing),
            extra=_count(cursor, extra),
            foreign=_count(cursor, foreign),
            missing_samples=_keys(cursor, missing),
            extra_samples=_keys(cursor, extra),
            foreign_samples=_members(cursor, foreign, fields),
        )
        if repair is not None:
            query = f"(SELECT * {missing}) UNION ALL (SELECT * {extra})"
            shown = ", ".join(
                "'maybe' AS held" if column == "held" else sql_name(column) for column in COLUMNS
            )
            cursor.execute(
                copy_to(f"SELECT {shown} FROM ({query}) AS rows ORDER BY k", repair, narrow=False)
            )
        return drift


def seed_from_list(
    cursor: Cursor,
    listed: Path,
    fields: Mapping[str, Normaliser],
    targets: Mapping[str | None, str],
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    holdings: LocalManifest,
    out: Path,
) -> FoldStats:
    """Holdings of what is at the partner: what we held already and is there, and what is wanted and there, assumed.

    ``spec`` is a baseline's. Rows of the partner that nobody wants stay the partner's. What we hold at places whose list
    was not read stays as it is: it is still to leave them.
    """
    plan, every = out.with_name(f"{out.name}.plan"), out.with_name(f"{out.name}.every")
    try:
        write_plan(cursor, spec, wanted, holdings, plan)
        stats = fold_outcome(cursor, plan, LocalManifest(), [], spec, every)
        added = f"(SELECT {SHOWN} FROM {parquet_relation([every])} WHERE held IS NOT NULL)"
        with _sides(cursor, listed, fields, targets, holdings, [], added):
            cursor.execute(
                copy_to(
                    f"""SELECT ours.* EXCLUDE (list) REPLACE (coalesce(ours.partner_id, found.partner_id) AS partner_id)
                    FROM ours JOIN (SELECT k, min(there.partner_id) AS partner_id
                        FROM pairs JOIN there USING (n) GROUP BY k) AS found USING (k)
                    WHERE {_HELD}
                    UNION ALL SELECT {_OURS} FROM {holdings_relation(holdings)} AS rows ANTI {_WITH_LIST}
                    ORDER BY k""",
                    out,
                    narrow=False,
                )
            )
        held, assumed = count_held(cursor, LocalManifest((out,)))
        return FoldStats(pq.read_metadata(out).num_rows, stats.by_disposition, held, assumed)
    finally:
        plan.unlink(missing_ok=True)
        every.unlink(missing_ok=True)


@contextmanager
def _sides(
    cursor: Cursor,
    listed: Path,
    fields: Mapping[str, Normaliser],
    targets: Mapping[str | None, str],
    holdings: LocalManifest,
    outcomes: Sequence[Path],
    added: str | None = None,
) -> Iterator[None]:
    """Both sides and how they pair: by the key that was sent, or by the partner's own id."""
    try:
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE there AS SELECT * FROM {parquet_relation([listed])}"
        )
        cursor.execute(_listed_places(targets))
        keys = " UNION ALL ".join(
            f"SELECT n, list, {sql_text(field)} AS key_type, {normalise_sql(sql_name(field), how)} AS value FROM there"
            for field, how in fields.items()
        )
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE there_keys AS SELECT * FROM ({keys}) AS keys WHERE value IS NOT NULL"
        )
        cursor.execute(
            f"""CREATE OR REPLACE TEMP TABLE ours AS
            SELECT {_OURS}, list FROM {holdings_relation(holdings)} AS rows {_WITH_LIST}
            WHERE held IN ('yes', 'maybe', 'removed')"""
        )
        more = added or _taken_away(outcomes)
        cursor.execute(
            f"""INSERT INTO ours SELECT {_OURS}, list FROM {more} AS rows {_WITH_LIST}
            WHERE rows.k NOT IN (SELECT k FROM ours)"""
        )
        cursor.execute(
            f"""CREATE OR REPLACE TEMP TABLE pairs AS SELECT DISTINCT k, n FROM (
            SELECT o.k AS k, t.n AS n FROM (SELECT k, list, coalesce(key_type, '{MEMBER}') AS key_type,
                {VALUE} AS value FROM ours) AS o JOIN there_keys AS t USING (list, key_type, value)
            UNION ALL
            SELECT o.k AS k, t.n AS n FROM ours AS o JOIN there AS t USING (list, partner_id)) AS paired"""
        )
        yield
    finally:
        for table in _TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")


def _listed_places(targets: Mapping[str | None, str]) -> str:
    rows = ", ".join(
        f"({'NULL' if place is None else sql_text(place)}, {sql_text(target)})"
        for place, target in targets.items()
    )
    return f"""CREATE OR REPLACE TEMP TABLE listed_places AS
        SELECT CAST(place AS VARCHAR) AS place, list FROM (VALUES {rows}) AS given(place, list)"""


def _taken_away(outcomes: Sequence[Path]) -> str:
    """Keys whose last word is an exit that the partner has confirmed."""
    if not outcomes:
        return EMPTY
    return f"""(SELECT {SHOWN} FROM (SELECT * FROM {parquet_relation(outcomes)} WHERE held IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY k ORDER BY sync_number DESC) = 1) AS latest
        WHERE held = '{GONE}' AND kind = 'exited' AND disposition = 'delivered')"""


def _count(cursor: Cursor, of: str) -> int:
    return int(fetch_one(cursor, f"SELECT count(*) {of}")[0])


def _keys(cursor: Cursor, of: str) -> list[dict[str, Any]]:
    rows = cursor.execute(
        f"SELECT k, key_type, place, member_id, profile_id {of} ORDER BY k LIMIT {SAMPLES:d}"
    ).fetchall()
    samples = []
    for k, key_type, place, member, profile in rows:
        key = key_value(k, key_type, place)
        samples.append(
            {
                "key_type": key_type or MEMBER,
                "key": key,
                "profile_id": profile or member or key,
            }
        )
    return samples


def _members(cursor: Cursor, of: str, fields: Mapping[str, Normaliser]) -> list[dict[str, Any]]:
    shown = ", ".join(sql_name(field) for field in fields)
    rows = cursor.execute(
        f"SELECT partner_id, {shown} {of} ORDER BY n LIMIT {SAMPLES:d}"
    ).fetchall()
    return [
        {
            "partner_id": partner,
            "identifiers": {
                field: value
                for field, value in zip(fields, values, strict=True)
                if value is not None
            },
        }
        for partner, *values in rows
    ]
