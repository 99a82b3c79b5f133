"""Arms that share a list: to the partner their keys are one key, so a value is said once, and nobody is taken out by halves."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.sql)

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.domain.changes import Mode
from app.domain.places import Place, place_of
from app.snapshots.ranges import KeyRange
from app.snapshots.sql import Cursor, one, text
from app.snapshots.types import PlanSpec
from app.snapshots.wanted import MEMBER, SEPARATOR

_EXITED, _ENTERED, _SILENT_EXIT = 1, 2, 5  # codes of ``app.snapshots.decisions``


def drop_repeated(cursor: Cursor, spec: PlanSpec) -> int:
    """Of a value that stands in several arms of one list, keep the first in ``wanted_keys``; how many went.

    The first source speaks for it, and in it the lowest member, as where a key is shared within an arm.
    """
    lists = {_list(place) for place in spec.places}
    if spec.key == "member" or len(lists) == len(spec.places):
        return 0
    key = _key_at_partner(spec.places)
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated_keys AS SELECT k, source, member_id FROM (
            SELECT k, source, member_id, place, first_value(place) OVER (
                PARTITION BY at_partner ORDER BY source, member_id) AS first_place
            FROM (SELECT *, {key} AS at_partner FROM wanted_keys) AS keys SEMI JOIN (
                SELECT {key} AS at_partner FROM wanted_keys GROUP BY ALL HAVING count(DISTINCT place) > 1
            ) AS several USING (at_partner)
        ) AS placed WHERE place <> first_place"""
    )
    (count,) = one(cursor, "SELECT count(*) FROM repeated_keys")
    if count:
        cursor.execute(
            """DELETE FROM wanted_keys USING repeated_keys AS r WHERE wanted_keys.k = r.k
            AND wanted_keys.source = r.source AND wanted_keys.member_id = r.member_id"""
        )
    return int(count)


def agree(cursor: Cursor, spec: PlanSpec, keys: str, held: str, ranges: Sequence[KeyRange]) -> None:
    """Have ``decided`` treat the keys of one list that have the same value and type as the partner does: as one.

    Earlier splits leave such keys. Who leaves an arm and is held in another of its list stays there; of several that
    leave, one is said; and whom mode remove takes out of an arm is out of all. The others are folded unsent. ``keys``
    and ``held`` are the relations of what is wanted and held.
    """
    sources = [f"decided WHERE code = {_EXITED}"]
    if spec.mode is Mode.REMOVE:
        sources.append(f"{held} AS rows")
    queries = " UNION ".join(f"SELECT DISTINCT place FROM {source}" for source in sources)
    found = {place for (place,) in cursor.execute(queries).fetchall()}
    places = found | set(spec.places or (None,))
    if not found or len({_list(place) for place in places}) == len(places):
        return
    key = _key_at_partner(places)
    if spec.mode is Mode.REMOVE:
        for part, span in enumerate(ranges):
            cursor.execute(
                f"""INSERT INTO decided SELECT {part}, {_SILENT_EXIT}, k, place, NULL, NULL, true FROM {held} AS rows
                    ANTI JOIN decided USING (k) WHERE {span.holds("k")}
                    AND {key} IN (SELECT {key} FROM decided WHERE code = {_EXITED})"""
            )
    else:
        cursor.execute(
            f"""UPDATE decided SET code = {_SILENT_EXIT} WHERE code = {_EXITED} AND {key} IN (
                SELECT {key} FROM {keys} AS keys
                    SEMI JOIN (SELECT k FROM {held} AS rows WHERE held = 'yes') AS there USING (k)
                    ANTI JOIN (SELECT k FROM decided WHERE code IN ({_EXITED}, {_ENTERED})) AS moving USING (k))"""
        )
    cursor.execute(
        f"""UPDATE decided SET code = {_SILENT_EXIT} WHERE code = {_EXITED} AND k NOT IN (
            SELECT min(k) FROM decided WHERE code = {_EXITED} GROUP BY {key})"""
    )


def _list(place: str | None) -> str | None:
    """A place without the arm that does not have it to itself."""
    known = place_of(place)
    return place if known.own else Place(settings=known.settings).text


def _key_at_partner(places: Collection[str | None]) -> str:
    """The key in ``k`` as the partner knows it: value, type and list."""
    whens = " ".join(
        f"WHEN {text(place)} THEN {text(_list(place) or '')}" for place in places if place
    )
    shared = f"CASE place {whens} ELSE '' END" if whens else "''"
    return (
        f"CASE WHEN contains(k, {SEPARATOR}) THEN left(k, length(k) - length(coalesce(place, ''))) "
        f"ELSE k || {SEPARATOR} || {text(MEMBER)} || {SEPARATOR} END || {shared}"
    )
