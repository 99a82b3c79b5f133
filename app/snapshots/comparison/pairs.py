"""Keys of the holdings, paired with the members of a partner's list."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain.normalise import Normaliser, normalise_sql
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    parquet_relation,
    sql_name,
    sql_text,
    stored_relation,
)
from app.snapshots.holdings import (
    COLUMNS,
    EMPTY,
    GONE,
    SHOWN,
    VALUE,
)
from app.snapshots.plans import Sharer

ROWS = ", ".join(f"rows.{sql_name(column)}" for column in COLUMNS)
WITH_LIST = "JOIN listed_places ON rows.place IS NOT DISTINCT FROM listed_places.place"
_TABLES = ("there", "there_keys", "listed_places", "ours", "pairs", "others")


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists that were read from a partner.

    ``members`` is the file of their members (``MembersFile``), ``fields`` its identity fields, and ``targets`` the list
    that was read for each place of keys. Keys of other places are not compared. ``sharers`` are the other activations there.
    """

    members: Path
    fields: Mapping[str, Normaliser]
    targets: Mapping[str | None, str]
    sharers: Sequence[Sharer] = ()


@contextmanager
def paired(cursor: Cursor, lists: Lists, ours: str, more: str) -> Iterator[None]:
    """Join the holdings with the partner's members, by the key that was sent or by the partner's id.

    ``ours`` and ``more`` are relations of holdings; keys of ``more`` count only if ``ours`` does not have them. During
    the block there are the tables ``there``, ``ours``, ``pairs`` (of ``k`` and ``n``), and ``others``: the ``n`` of members
    that other activations hold.
    """
    try:
        _load_members(cursor, lists)
        _load_holdings(cursor, ours, more)
        _load_others(cursor, lists)
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


def _load_members(cursor: Cursor, lists: Lists) -> None:
    members = parquet_relation([lists.members])
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE there AS SELECT * FROM {members}")
    keys = " UNION ALL ".join(
        f"SELECT n, list, {sql_text(field)} AS key_type, {normalise_sql(sql_name(field), how)} AS value FROM there"
        for field, how in lists.fields.items()
    )
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE there_keys AS SELECT * FROM ({keys}) AS keys WHERE value IS NOT NULL"
    )
    rows = ", ".join(
        f"({'NULL' if place is None else sql_text(place)}, {sql_text(target)})"
        for place, target in lists.targets.items()
    )
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE listed_places AS
        SELECT CAST(place AS VARCHAR) AS place, list FROM (VALUES {rows}) AS given(place, list)"""
    )


def _load_holdings(cursor: Cursor, ours: str, more: str) -> None:
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE ours AS
        SELECT {ROWS}, list FROM {ours} AS rows {WITH_LIST}
        WHERE held IN ('yes', 'maybe', 'removed', 'left')"""
    )
    cursor.execute(
        f"""INSERT INTO ours SELECT {ROWS}, list FROM {more} AS rows {WITH_LIST}
        WHERE rows.k NOT IN (SELECT k FROM ours)"""
    )


def _load_others(cursor: Cursor, lists: Lists) -> None:
    """Fill the table ``others`` with the members whose keys other activations hold at the same place."""
    cursor.execute("CREATE OR REPLACE TEMP TABLE others (n BIGINT)")
    for sharer in lists.sharers:
        target = lists.targets.get(sharer.place)
        if sharer.holders is None or target is None:
            continue
        cursor.execute(
            f"""INSERT INTO others SELECT t.n FROM ({sharer.holders}) AS h JOIN there_keys AS t
                ON t.value = h.value AND t.key_type = coalesce(h.key_type, '{MEMBER}')
            WHERE t.list = {sql_text(target)}"""
        )


def exited_relation(outcomes: Sequence[Path]) -> str:
    """Return the relation of keys whose last change is an exit that the partner has confirmed."""
    if not outcomes:
        return EMPTY
    return f"""(SELECT {SHOWN} FROM (SELECT * FROM {stored_relation(outcomes)} WHERE held IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY k ORDER BY sync_number DESC) = 1) AS latest
        WHERE held = '{GONE}' AND kind = 'exited' AND disposition = 'delivered')"""
