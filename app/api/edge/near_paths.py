"""Suggestions for a path that is not known: the path of an operation that is nearly the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

_PREFIXES = frozenset(["v1", "v1alpha", "v1beta", "alpha", "beta", "stable", "api", "v2"])
_NEARLY_THE_SAME = 0.7  # of 1, for each segment
_LONGEST = 300
_DEPTH = 12


def path_advice(path: str, templates: Iterable[str]) -> str:
    """Return the sentences of a response 404: that there is no such path, and the one that is meant, or where all are listed.

    ``path`` is decoded, ``templates`` are paths such as ``/spaces/{spaceId}/audiences``.
    """
    shown = path if len(path) <= _LONGEST else f"{path[:_LONGEST]}…"
    meant = _meant(path, list(templates))
    if meant is None:
        return f"There is no path {shown}. The page /docs lists all operations."
    return f"There is no path {shown}. {meant} The page /docs lists all operations."


def _meant(path: str, templates: Sequence[str]) -> str | None:
    segments = path.strip("/").split("/")
    known = [template.strip("/").split("/") for template in templates]
    if path.endswith("/") and _fits(segments, known):
        return f"Without the slash at its end it exists: /{'/'.join(segments)}."
    if segments[0].lower() in _PREFIXES and _fits(segments[1:], known):
        rest = "/".join(segments[1:])
        return f"Paths begin without /{segments[0]}: /{rest}. The version is chosen by the header Accept."
    near = _nearest(segments, known)
    return f"Did you mean /{'/'.join(near)}?" if near else None


def _fits(segments: Sequence[str], known: Sequence[Sequence[str]]) -> bool:
    return any(
        len(one) == len(segments)
        and all(
            _is_variable(part) or part == given for part, given in zip(one, segments, strict=True)
        )
        for one in known
    )


def _nearest(segments: Sequence[str], known: Sequence[Sequence[str]]) -> Sequence[str] | None:
    """Return the path with the values of ``segments`` whose fixed parts are nearly the same, the best one, or None."""
    if len(segments) > _DEPTH:
        return None
    if segments[0].lower() in _PREFIXES:
        segments = segments[1:]
    rated = [
        (
            rating,
            [
                given if _is_variable(part) else part
                for part, given in zip(one, segments, strict=True)
            ],
        )
        for one in known
        if len(one) == len(segments) and (rating := _rating(one, segments)) is not None
    ]
    return max(rated, key=lambda pair: pair[0])[1] if rated else None


def _rating(template: Sequence[str], segments: Sequence[str]) -> float | None:
    """Return how near the fixed parts are, or None if one differs too much."""
    total = 0.0
    for part, given in zip(template, segments, strict=True):
        if _is_variable(part):
            continue
        ratio = SequenceMatcher(None, part, given.lower()).ratio()
        if ratio < _NEARLY_THE_SAME:
            return None
        total += ratio
    return total


def _is_variable(part: str) -> bool:
    return part.startswith("{")
