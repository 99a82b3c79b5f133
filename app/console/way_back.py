"""The way back to the draft of an activation, from the pages of an account that the draft links to."""

from __future__ import annotations

from urllib.parse import urlencode

from app.console.visits import Visit


def way_back(visit: Visit) -> str | None:
    """Return the address of the draft that the visitor came from; None if there is none."""
    back = visit.asked("back") or ""
    return back if back.startswith(f"{visit.link('activations', 'new')}/") else None


def with_way_back(address: str, back: str | None) -> str:
    """Add a way back to the address of a page or of its action, so that it is kept there."""
    if back is None:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'back': back})}"


def back_with_account(visit: Visit, account_id: str) -> str | None:
    """Return the address of the draft with an account chosen; None if the visitor did not come from a draft."""
    back = way_back(visit)
    if back is None:
        return None
    return f"{back}{'&' if '?' in back else '?'}{urlencode({'destination': account_id})}"
