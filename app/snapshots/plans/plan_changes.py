"""Changes of a plan: the decisions, written with the keys' values."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    Cursor,
    KeyRange,
    PlanSpec,
)
from app.snapshots.plans.decisions import (
    REFUSED_BEFORE,
    SILENT,
    TAKES_OVER,
    is_silent,
    kind_code,
    kind_code_of,
)
from app.snapshots.plans.former_places import FORMER, note_former_fields
from app.snapshots.plans.plan_file import PlanWriter
from app.snapshots.plans.sides import Sides
from app.snapshots.plans.staged_members import staged_members
from app.snapshots.plans.turns import order_owners, turns_of

# Changes that are sorted and written in one query; fewer if the members' rows are wide.
_SMALL = 150_000
_SCANS = 4  # queries that read the whole membership rather than sort it by key range

Counts = dict[tuple[int, str | None], int]  # rows by code and place


def count_decisions(cursor: Cursor) -> Counts:
    """Count the decisions. Returns ``{(code, place): rows}``."""
    rows = cursor.execute(
        "SELECT code, place, count(*) FROM decided GROUP BY code, place"
    ).fetchall()
    return {(code, place): count for code, place, count in rows}


def write_changes(
    cursor: Cursor, spec: PlanSpec, sides: Sides, counts: Counts, writer: PlanWriter
) -> None:
    """Write the decided changes in order: at once if they are few, otherwise by code, turn, place and key range."""
    written = {key: count for key, count in counts.items() if key[0] != REFUSED_BEFORE}
    order_owners(cursor, sides, any_taken=any(code >= TAKES_OVER for code, _ in written))
    note_former_fields(cursor, sides, written)
    most = _SMALL // sides.width
    if sum(written.values()) <= most:
        if written:
            writer.write(cursor, _changes(sides, f"code <> {REFUSED_BEFORE}", KeyRange()))
        return
    with _members(cursor, sides, written) as members_of:
        for code, keys in groupby(sorted(written, key=_position), key=lambda key: key[0]):
            places = [place for _, place in keys]
            if sum(written[code, place] for place in places) <= most:
                writer.write(cursor, _changes(sides, f"code = {code}", KeyRange()))
                continue
            for turn in turns_of(cursor, code):
                for place in places:
                    _write_in_ranges(
                        cursor, members_of, sides, (f"code = {code} AND {turn}", place), writer
                    )


def _members(
    cursor: Cursor, sides: Sides, written: Counts
) -> AbstractContextManager[Callable[[int, int], Sides]]:
    """Return a context of a function that returns the sides of a query for some key ranges, given the first and the last."""
    with_values = sum(
        count
        for (code, _), count in written.items()
        if kind_code(code) != kind_code_of(ChangeKind.EXITED)
    )
    if sides.plain or with_values <= _SCANS * (_SMALL // sides.width):
        return nullcontext(lambda _first, _last: sides)
    return staged_members(cursor, sides)


def _write_in_ranges(
    cursor: Cursor,
    members_of: Callable[[int, int], Sides],
    sides: Sides,
    choice: tuple[str, str | None],
    writer: PlanWriter,
) -> None:
    """Write some changes of one place, one key range after another. Ranges with few of them are written together.

    ``choice`` is their condition, and the place.
    """
    chosen, place = choice
    same_place = "place IS NULL" if place is None else "place = $place"
    names = {} if place is None else {"place": place}
    chosen = f"{chosen} AND {same_place}"
    parts = cursor.execute(
        f"SELECT part, count(*) FROM decided WHERE {chosen} GROUP BY part ORDER BY part", names
    ).fetchall()
    for first, last in _together(parts, _SMALL // sides.width):
        span = KeyRange(sides.ranges[first].low, sides.ranges[last].high)
        between = f"{chosen} AND part BETWEEN {first} AND {last}"
        writer.write(cursor, _changes(members_of(first, last), between, span), names)


def _together(parts: Sequence[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last range of each group of up to ``most`` changes, given ranges and their numbers of changes."""
    group: list[int] = []
    rows = 0
    for part, count in parts:
        if group and rows + count > most:
            yield group[0], group[-1]
            group, rows = [], 0
        group.append(part)
        rows += count
    if group:
        yield group[0], group[-1]


def _position(key: tuple[int, str | None]) -> tuple[bool, int, bool, str]:
    """Return what a code and place are sorted by, as ``_changes`` sorts."""
    code, place = key
    return is_silent(code), kind_code(code), code < TAKES_OVER, place or ""


def _changes(sides: Sides, chosen: str, span: KeyRange) -> str:
    """Return the query of the plan's rows for some decisions, in order. Its columns are those of ``plan_file``."""
    only = span.holds("member_id") if sides.plain else "true"
    wide = (
        " UNION ALL ".join(source.wide("chosen_rows", only) for source in sides.sources)
        or _no_wide()
    )
    member = "CASE WHEN source IS NOT NULL THEN coalesce(member_id, k) END"
    return f"""WITH chosen_rows AS MATERIALIZED (SELECT * REPLACE ({member} AS member_id) FROM decided WHERE {chosen}),
        held AS (SELECT h.* FROM {sides.held} AS h SEMI JOIN
            (SELECT k FROM chosen_rows WHERE has_row) AS touched USING (k) WHERE {span.holds("h.k")}),
        wide AS ({wide})
        SELECT c.code % {SILENT} AS kind_code, c.code & {SILENT} > 0 AS silent,
            c.code >= {TAKES_OVER} AS takes_over, c.k AS k,
            coalesce(w.key_type, h.key_type) AS key_type, c.place AS place,
            CASE WHEN w.k IS NULL THEN h.member_id ELSE nullif(w.member_id, w.value) END AS member_id,
            CASE WHEN w.k IS NULL THEN h.profile_id ELSE nullif(w.profile_id, w.member_id) END AS profile_id,
            CASE WHEN c.code % {SILENT} = 1 THEN coalesce(h.identity, w.identity) ELSE w.identity END AS identity,
            w.traits AS traits, w.entities AS entities, w.k IS NOT NULL AS wanted,
            coalesce(w.fp1, h.fp1) AS fp1, h.held AS old_held, h.fp1 AS old_fp1,
            h.fp1_refused AS old_refused, h.identity AS old_identity, h.member_id AS old_member_id,
            h.profile_id AS old_profile_id, h.partner_id AS partner_id, h.sync AS old_sync,
            w.filled AS filled, coalesce(h.filled, f.filled) AS old_filled, h.unknowns AS old_unknowns
        FROM chosen_rows AS c
            LEFT JOIN wide AS w ON c.k = w.k AND c.source = w.source AND c.member_id = w.member_id
            LEFT JOIN held AS h ON c.k = h.k
            LEFT JOIN turns AS t ON c.k = t.k
            LEFT JOIN {FORMER} AS f ON NOT c.has_row AND f.value = w.value AND f.key_type = w.key_type
        ORDER BY silent, kind_code, takes_over DESC, coalesce(t.turn, 0), place NULLS FIRST, c.k"""


def _no_wide() -> str:
    texts = ", ".join(
        f"'' AS {column}"
        for column in ("member_id", "k", "key_type", "value", "place", "profile_id", "identity")
    )
    return f"SELECT 0 AS source, {texts}, '' AS traits, '' AS entities, 0::UBIGINT AS fp1, '' AS filled WHERE false"
