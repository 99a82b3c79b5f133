"""What a fold records beside a row's fate: the fields that were sent with a value, and the syncs without a confirmation."""

from __future__ import annotations

from app.domain.changes import ChangeKind, Disposition, Held
from app.domain.plan_rules import UNCONFIRMED_AFTER

UNCONFIRMED = "unconfirmed"  # the code of a change that no sync confirmed

#: The hash of what an unconfirmed change sent. An exit sends no inputs: it is compared with other exits only.
SENT_HASH = f"CASE WHEN kind = '{ChangeKind.EXITED}' THEN NULL ELSE fp1 END"
_EARLIER = f"""CASE WHEN old_held = '{Held.MAYBE}' AND old_fp1 IS NOT DISTINCT FROM ({SENT_HASH})
    THEN coalesce(old_unknowns, 0) ELSE 0 END"""
#: The condition that a plan's row ``p`` with the mark ``e`` is rejected because no sync confirmed it.
IS_UNCONFIRMED = (
    f"(e.disposition = '{Disposition.UNKNOWN}' AND ({_EARLIER}) + 1 >= {UNCONFIRMED_AFTER})"
)


def unknowns_sql() -> str:
    """Return the expression of the syncs in a row that got no confirmation; NULL if there are none.

    A batch that got no response at all is not counted, and does not end the count.
    """
    return f"""CAST(CASE WHEN fate = 'refused' THEN old_unknowns
        WHEN disposition <> '{Disposition.UNKNOWN}' THEN NULL
        WHEN marked = '{Disposition.UNKNOWN}' THEN ({_EARLIER}) + 1
        ELSE nullif({_EARLIER}, 0) END AS UTINYINT)"""


def filled_sql() -> str:
    """Return the expression of the fields that the partner has from this service, as in ``plans.filled``.

    After an unknown change, the partner has the fields of the former state or those of the new one.
    """
    unsent = f"fate IN ('refused', 'keep') OR kind = '{ChangeKind.EXITED}' OR disposition = '{Disposition.SILENT}'"
    return f"""CASE WHEN {unsent} THEN old_filled
        WHEN disposition <> '{Disposition.UNKNOWN}' OR old_filled IS NULL OR old_filled = filled THEN filled
        WHEN filled IS NULL THEN old_filled
        ELSE CAST(to_json(list_sort(list_distinct(list_concat({_names("filled")}, {_names("old_filled")})))) AS VARCHAR) END"""


def _names(column: str) -> str:
    return f"CAST(CAST({column} AS JSON) AS VARCHAR[])"
