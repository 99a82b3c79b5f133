"""Changes of a table that break what reads it: columns that are gone, and columns of another kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from app.core.suggestions import did_you_mean

Columns = Sequence[tuple[str, str]]
"""Name and type of each column, in order."""

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


def reshaped(before: Columns, after: Columns, read: Collection[str] | None) -> Iterator[str]:
    """Yield what changed in the columns that are read, as in ``the column spent was DECIMAL(18,2) and is VARCHAR``.

    ``read`` are their names in lower case; None: all columns. Another type of number is no change.
    """
    found = {name.lower(): kind for name, kind in after}
    for name, kind in before:
        key = name.lower()
        if read is not None and key not in read:
            continue
        if key not in found:
            yield f"the column {name} is missing.{did_you_mean(name, [one for one, _ in after])}".rstrip(
                "."
            )
        elif _kind(found[key]) != _kind(kind):
            yield f"the column {name} was {kind} and is {found[key]}"


def _kind(kind: str) -> str:
    """Return the kind of a type: all numbers are of one."""
    plain = kind.upper().removeprefix("U")
    return "NUMBER" if plain.partition("(")[0] in _NUMBERS else kind.upper()
