"""Suggestions for a name that is not known: the known one that is nearly the same, and the list of choices."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_NEARLY_THE_SAME = 0.7  # of 1: one or two letters of a short word differ
_SHOWN = 20  # choices that a message names
_LONGEST = 100  # characters of a name in a message


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is nearly the same, in upper or lower case, or None.

    Example: ``nearest("emial", ["id", "email"])`` is ``"email"``.
    """
    by_case = {one.lower(): one for one in sorted(known, reverse=True)}
    found = get_close_matches(name.lower()[:_LONGEST], by_case, 1, _NEARLY_THE_SAME)
    return by_case[found[0]] if found else None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a question with the known name that is nearly the same, and a blank before it, or an empty text."""
    found = nearest(name, known)
    return f" Did you mean {found}?" if found is not None else ""


def listed(choices: Collection[str]) -> str:
    """Return ``a, b, c``: at most 20 choices, and how many more there are."""
    shown = [one[:_LONGEST] for one in list(choices)[:_SHOWN]]
    more = len(choices) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def shown_name(name: str) -> str:
    """Return a name as a message shows it: cut after 100 characters."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
