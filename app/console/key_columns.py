"""The column of a file whose values become the ids of members: which one it probably is, and what is said about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.console.words import number, plural
from app.core.errors import Invalid
from app.domain.column_names import squashed
from app.domain.row_keys import KeyCounts

_IDS = ("profileid", "userid", "customerid", "memberid", "personid", "contactid", "id")
_ID = re.compile(r"(?i)(\b|_)id$")
_NUMBER = re.compile(
    r"(kunden?|mitglieds?|personen?|customer|member|client|contact|person|user|account)?(nr|nummer|number|no)"
)


def likely_key(
    names: Sequence[str], roles: Mapping[str, str], counts: Mapping[str, KeyCounts]
) -> str:
    """Return the column that tells people apart: an id before an address, and a complete, unique one before all others.

    ``roles`` are identifiers by column. Without ``counts``, names decide.
    """
    likely = likely_keys(names, roles)

    def found(among: Sequence[str], *, complete: bool) -> str | None:
        fits = (name for name in among if name in counts and counts[name].is_unique)
        return next((name for name in fits if not (complete and counts[name].missing)), None)

    return (
        found(likely, complete=True)
        or found(likely, complete=False)
        or found(names, complete=True)
        or (likely or names)[0]
    )


def likely_keys(names: Sequence[str], roles: Mapping[str, str]) -> list[str]:
    """Return the columns whose names are those of ids, then that of the e-mail address, the likeliest first."""
    plain = {squashed(name): name for name in reversed(names)}
    return list(
        dict.fromkeys(
            [
                *(plain[one] for one in _IDS if one in plain),
                *(name for name in names if _ID.search(name)),
                *(name for name in names if _NUMBER.fullmatch(squashed(name))),
                *(name for name, role in roles.items() if role == "email"),
            ]
        )
    )


def key_notes(counts: Mapping[str, KeyCounts]) -> Mapping[str, str]:
    """Return what speaks against columns as the key, in words, by column."""
    return {name: note for name, one in counts.items() if (note := _note(one))}


def _note(one: KeyCounts) -> str:
    if one.missing + one.unusable >= one.rows:
        return "no values"
    if one.repeated:
        return f"{plural(one.repeated, 'value is', 'values are')} in several rows"
    found = []
    if one.missing:
        found.append(f"{plural(one.missing, 'row')} without a value {_is_left_out(one.missing)}")
    if one.unusable:
        has = f"{plural(one.unusable, 'row')} with a control character in it"
        found.append(f"{has} {_is_left_out(one.unusable)}")
    return ", ".join(found)


def left_out_note(name: str, count: KeyCounts | None) -> str:
    """Return how many rows an audience leaves out because they have no key that can be used, as sentences; empty if none."""
    if count is None:
        return ""
    found = []
    for rows, what in (
        (count.missing, f"no {name}"),
        (count.unusable, f"a control character in {name}"),
    ):
        if rows:
            has = "row has" if rows == 1 else "rows have"
            found.append(f"{number(rows)} {has} {what} and {_is_left_out(rows)}.")
    return " ".join(found)


def _is_left_out(count: int) -> str:
    return "is left out" if count == 1 else "are left out"


def check_key(name: str, counts: Mapping[str, KeyCounts]) -> None:
    """Raise Invalid, with the way out, if a column cannot be the key. Columns that are not counted are accepted."""
    one = counts.get(name)
    if one is None or one.is_unique:
        return
    if one.missing + one.unusable >= one.rows:
        fault = f"No row has a value in {name} that can be used."
    else:
        fault = f"{plural(one.repeated, 'value')} of {name} {'is' if one.repeated == 1 else 'are'} in several rows, so each of them could be another person."
    better = next((key for key, count in counts.items() if count.is_unique), None)
    way_out = (
        f"Choose a column in which each row has its own value, such as {better}."
        if better
        else "Choose a column in which each row has its own value, or change the file and upload it again."
    )
    raise Invalid(f"{fault} {way_out}", field="person")
