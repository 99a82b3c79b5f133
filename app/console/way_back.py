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
    return address if back is None else _with(address, back=back)


def back_with_account(visit: Visit, account_id: str) -> str | None:
    """Return the address of the draft with an account chosen; None if the visitor did not come from a draft."""
    back = way_back(visit)
    return None if back is None else _with(back, destination=account_id)


def _with(address: str, **parameter: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameter)}"
