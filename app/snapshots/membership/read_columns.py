"""The columns of an uploaded membership in the report on the upload: roles, types and reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.domain.column_names import spellings
from app.snapshots.engine import ReadColumn
from app.snapshots.membership.membership import IDENTIFIERS, Members
from app.snapshots.reading import Notation, Source, type_reason

_PLAINLY = "Numbers with a decimal point (12.50) and dates such as 2026-12-31 get their types."


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of an upload are: ids by their names, identifiers by theirs, entities, and types of traits."""

    ids: Mapping[str, str]
    identifiers: Mapping[str, str]
    entities: Mapping[str, str]
    traits: Mapping[str, str]
    spelled: Collection[str] = ()


def read_columns(
    source: Source, roles: Roles, former: Members | None, notations: Mapping[str, Notation]
) -> list[ReadColumn]:
    """Return the columns in the order of the upload. ``former`` is the membership before, if types were kept.

    ``notations`` are those of text columns whose values look like numbers or dates.
    """
    ids = {column: name for name, column in roles.ids.items()}
    identifiers = {column: name for name, column in roles.identifiers.items()}
    found = []
    for column in source.columns:
        if column in ids:
            found.append(ReadColumn(column, "id", "VARCHAR", _named(column, ids[column])))
        elif column in identifiers:
            reason = _named(column, identifiers[column])
            found.append(ReadColumn(column, "identifier", "VARCHAR[]", reason, identifiers[column]))
        elif column in roles.entities:
            kind = roles.entities[column]
            found.append(ReadColumn(column, "entity", kind, "Its name begins with ent_."))
        else:
            found.append(_trait(source, roles, column, former, notations.get(column)))
    return found


def _named(column: str, name: str) -> str:
    return f"Its name is {name}." if column == name else f"It is a spelling of {name}."


def _trait(
    source: Source, roles: Roles, column: str, former: Members | None, notation: Notation | None
) -> ReadColumn:
    kind = roles.traits[column]
    known = former.traits.get(column) if former else None
    if column in roles.spelled:
        reason = "It is text, so that its numbers keep all digits or its other values fit."
    elif known is not None and str(known) == kind and source.upload.format != "parquet":
        reason = "The trait had this type before, and all values fit."
    else:
        reason = type_reason(source, column, kind)
    if notation is not None:
        reason = f"{type_reason(source, column, kind, notation)} {_PLAINLY}"
    spelled = next((name for name in IDENTIFIERS if spellings(name, [column])), None)
    role = f"It is a spelling of {spelled}, but another column holds it, or it has no texts."
    return ReadColumn(
        column, "trait", kind, f"{role if spelled else 'No identifier has this name.'} {reason}"
    )
