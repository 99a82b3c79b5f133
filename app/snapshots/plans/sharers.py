"""Sharers: other activations at the places of a plan, and what their files say about keys there."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.changes import ChangeKind, Held
from app.domain.shared_places import Keeping
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    LocalManifest,
    asked_rows,
    sql_text,
    stored_relation,
)
from app.snapshots.holdings import HELD, VALUE, holdings_relation

_MOVES = f"kind IN ('{ChangeKind.ENTERED}', '{ChangeKind.EXITED}')"
_COLUMNS = f"k, key_type, {VALUE} AS value, identity"
_NO_MOVES = "(SELECT '' AS k WHERE false)"


Key = tuple[str, str]  # type and value


@dataclass(frozen=True, slots=True)
class Sharer:
    """Another activation at a place of the plan. Its plan is that of its open sync, None if it has none.

    ``place`` is the place in the plan's keys, ``theirs`` the same place in the other activation's keys. ``whole``: an exit
    of the other activation undoes everything that an exit of the plan undoes.
    """

    place: str | None
    theirs: str | None
    keeping: Keeping
    whole: bool
    holdings: LocalManifest
    plan: Path | None = None

    @property
    def holders(self) -> str | None:
        """The query of the keys that it holds after its open plan, None if it holds none.

        Columns: ``k, key_type, value, identity, moving``. ``moving``: its open plan may still fail or be cancelled, and
        then it holds the key or not.
        """
        match self.keeping:
            case Keeping.NOTHING:
                return None
            case Keeping.LEFT_OVER:
                return self._still(f"held = '{Held.YES}'")
            case _:
                return self._still(HELD) + self._moving()

    @property
    def leavers(self) -> str | None:
        """The query of ``k, key_type, value, identity`` of the exits that its open plan sends, None without a plan."""
        if self.plan is None:
            return None
        return f"""SELECT {_COLUMNS} FROM {stored_relation([self.plan])} AS planned
            WHERE kind = '{ChangeKind.EXITED}' AND row IS NOT NULL AND {self._here}"""

    @property
    def _here(self) -> str:
        theirs = "NULL" if self.theirs is None else sql_text(self.theirs)
        return f"place IS NOT DISTINCT FROM {theirs}"

    @property
    def _moves(self) -> str:
        if self.plan is None:
            return _NO_MOVES
        return f"(SELECT k FROM {stored_relation([self.plan])} AS planned WHERE {_MOVES})"

    def _still(self, held: str) -> str:
        """Return the query of held keys that the open plan does not touch."""
        return f"""SELECT {_COLUMNS}, false AS moving FROM {holdings_relation(self.holdings)} AS rows
            ANTI JOIN {self._moves} AS moves USING (k) WHERE {held} AND {self._here}"""

    def _moving(self) -> str:
        """Return the rest of the query: keys that the open plan enters, and held keys that it exits."""
        if self.plan is None:
            return ""
        return f""" UNION ALL SELECT {_COLUMNS}, true AS moving FROM {stored_relation([self.plan])} AS planned
            WHERE {_MOVES} AND (kind = '{ChangeKind.ENTERED}' OR old_{HELD}) AND {self._here}"""


def find_holders(
    cursor: Cursor, sharers: Sequence[Sharer], keys: Collection[Key]
) -> list[tuple[int, Key]]:
    """Return which sharers hold some keys: the position of the sharer and the key, for each."""
    with asked_rows(cursor, ("key_type", "value"), sorted(set(keys))):
        return [
            (number, (kind, value))
            for number, sharer in enumerate(sharers)
            if sharer.holders is not None
            for kind, value in cursor.execute(
                f"""SELECT DISTINCT a.key_type, a.value FROM ({sharer.holders}) AS h JOIN asked AS a
                    ON a.value = h.value AND a.key_type = coalesce(h.key_type, '{MEMBER}') ORDER BY ALL"""
            ).fetchall()
        ]
