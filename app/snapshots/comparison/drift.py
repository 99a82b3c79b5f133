"""Drift: differences between a partner's list and the holdings, found by set operations."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.normalise import Normaliser
from app.snapshots.comparison.pairs import Lists, exited_relation, paired
from app.snapshots.comparison.samples import sample_keys, sample_members
from app.snapshots.engine import (
    Cursor,
    FileFormat,
    LocalManifest,
    copy_to,
    fetch_one,
    format_metadata,
    sql_name,
)
from app.snapshots.holdings import (
    COLUMNS,
    GONE,
    HELD,
    holdings_relation,
)
from app.snapshots.plans import Sharer


@dataclass(frozen=True, slots=True)
class Drift:
    """Counts, and up to 100 samples of each.

    ``missing``: held, but not at the partner. ``extra``: at the partner, although we sent it and removed it again.
    ``foreign``: at the partner, and never ours. ``there`` counts the partner's members, ``held`` our keys. ``of_others``
    counts members that are only there for another activation at the place: they are neither extra nor foreign.
    """

    there: int
    held: int
    missing: int
    extra: int
    foreign: int
    missing_samples: Sequence[Mapping[str, Any]]
    extra_samples: Sequence[Mapping[str, Any]]
    foreign_samples: Sequence[Mapping[str, Any]]
    of_others: int = 0


_MISSING = "FROM ours ANTI JOIN pairs USING (k) WHERE held = 'yes'"
#: A member that is also there under another key that is held does not count.
_EXTRA = f"""FROM ours WHERE held IN ('removed', '{GONE}') AND k IN (
    SELECT k FROM pairs WHERE n NOT IN
        (SELECT n FROM pairs SEMI JOIN (SELECT k FROM ours WHERE {HELD}) AS held USING (k)
            UNION ALL SELECT n FROM others))"""
_FOREIGN = "FROM there ANTI JOIN pairs USING (n) ANTI JOIN others USING (n)"
_OF_OTHERS = f"""FROM there SEMI JOIN others USING (n) WHERE n NOT IN
    (SELECT n FROM pairs SEMI JOIN (SELECT k FROM ours WHERE {HELD}) AS held USING (k))"""


def compare_with_partner(
    cursor: Cursor,
    listed: Path,
    fields: Mapping[str, Normaliser],
    targets: Mapping[str | None, str],
    holdings: LocalManifest,
    outcomes: Sequence[Path],
    repair: Path | None = None,
    sharers: Sequence[Sharer] = (),
) -> Drift:
    """Compare the partner's members (``listed``) with the holdings. ``outcomes`` of past syncs show which were ours.

    ``targets`` names the list that was read for each place of keys; keys of other places are not compared. ``sharers`` are
    the other activations at these places.

    ``repair`` receives a delta of the holdings that makes the next sync send what is missing and remove what is extra.
    It has no foreign members.
    """
    ours, exited = holdings_relation(holdings), exited_relation(outcomes)
    with paired(cursor, Lists(listed, fields, targets, sharers), ours, exited):
        if repair is not None:
            _write_repair(cursor, repair)
        return Drift(
            there=_count(cursor, "FROM there"),
            held=_count(cursor, f"FROM ours WHERE {HELD}"),
            missing=_count(cursor, _MISSING),
            extra=_count(cursor, _EXTRA),
            foreign=_count(cursor, _FOREIGN),
            missing_samples=sample_keys(cursor, _MISSING),
            extra_samples=sample_keys(cursor, _EXTRA),
            foreign_samples=sample_members(cursor, _FOREIGN, fields),
            of_others=_count(cursor, _OF_OTHERS),
        )


def _write_repair(cursor: Cursor, repair: Path) -> None:
    """Write the missing and extra keys as held ``maybe``: then the next sync sends or removes them."""
    shown = ", ".join(
        "'maybe' AS held" if column == "held" else sql_name(column) for column in COLUMNS
    )
    query = f"SELECT {shown} FROM ((SELECT * {_MISSING}) UNION ALL (SELECT * {_EXTRA})) AS rows ORDER BY k"
    cursor.execute(
        copy_to(query, repair, narrow=False, metadata=format_metadata(FileFormat.HOLDINGS))
    )


def _count(cursor: Cursor, of: str) -> int:
    return int(fetch_one(cursor, f"SELECT count(*) {of}")[0])
