"""Unsent values: what members have for the identifiers of an activation, and what is not sent of it."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.domain.unsent_values import UNSENT_BY_NORMALISER, UnsentReason
from app.snapshots.engine import Cursor, LocalManifest, PlanSpec
from app.snapshots.membership import Members, members_relation
from app.snapshots.plans.key_fields import key_fields, national_values, unusable_values
from app.snapshots.plans.shared_words import with_shared

MOST = 5  # values of a member and identifier


@dataclass(frozen=True, slots=True)
class UnsentValue:
    """A value of an identifier that is not sent, as it was supplied."""

    identifier: str
    value: str
    reason: UnsentReason


def read_unsent(
    cursor: Cursor, spec: PlanSpec, wanted: Sequence[LocalManifest], profiles: Collection[str]
) -> dict[str, list[UnsentValue]]:
    """Return the unsent values of some profiles, as ``{profile id: values}``, from the first source that has them.

    Empty values do not count.
    """
    found: dict[str, list[UnsentValue]] = {}
    for manifest in wanted:
        missing = sorted(set(profiles) - set(found))
        if missing:
            found |= _of_source(
                cursor, spec, with_shared(cursor, members_relation(cursor, manifest), spec), missing
            )
    return found


def _of_source(
    cursor: Cursor, spec: PlanSpec, whole: Members, profiles: list[str]
) -> dict[str, list[UnsentValue]]:
    found: dict[str, list[UnsentValue]] = {}
    for field in key_fields(spec, whole):
        unusable = unusable_values(spec, field.entry, whole)
        if unusable is None:
            continue
        rows = cursor.execute(
            f"""SELECT {whole.profile} AS profile, {unusable} AS unusable, {national_values(spec, field.entry, whole)} AS national
            FROM {whole.sql} AS rows WHERE {whole.profile} IN (SELECT unnest($profiles)) ORDER BY member_id""",
            {"profiles": profiles},
        ).fetchall()
        for profile, values, national in rows:
            known = found.setdefault(profile, [])
            for value in values[:MOST]:
                reason = UNSENT_BY_NORMALISER[field.entry.normaliser]
                if value in national:
                    reason = UnsentReason.PHONE_WITHOUT_COUNTRY
                one = UnsentValue(field.entry.external_id, value, reason)
                if one not in known:
                    known.append(one)
    return found
