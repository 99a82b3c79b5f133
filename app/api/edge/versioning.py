"""Versions by media type: negotiation, the content type of responses, and the content types of bodies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.core.errors import NotAcceptable, UnsupportedMediaType

PLAIN = "application/json"
VERSIONS = ("v1", "v1beta", "v1alpha")  # most mature first
_SYNONYMS = {"stable": "v1", "beta": "v1beta", "alpha": "v1alpha"}
_WILDCARDS = {"*/*": 0, "application/*": 1, PLAIN: 2}
_PREFIX, _SUFFIX = "application/vnd.segment.", "+json"


def vendor_type(version: str) -> str:
    """Return ``application/vnd.segment.v1alpha+json`` for ``v1alpha``."""
    return f"{_PREFIX}{version}{_SUFFIX}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The negotiated version, and the content type of the response."""

    version: str
    content_type: str


def version_of(media_type: str) -> str | None:
    """Return the version of a vendor type (``alpha`` is ``v1alpha``), or None for other media types."""
    if not (media_type.startswith(_PREFIX) and media_type.endswith(_SUFFIX)):
        return None
    name = media_type[len(_PREFIX) : -len(_SUFFIX)]
    return _SYNONYMS.get(name, name)


@lru_cache(maxsize=1024)
def negotiate(accept: str | None, content_type: str | None, versions: tuple[str, ...]) -> Agreement:
    """Negotiate one of the operation's ``versions``, given most mature first.

    The vendor type of the body decides only if Accept is missing or a wildcard. Raises NotAcceptable if no version fits.
    """
    wanted = _by_preference(accept) if accept else ["*/*"]
    for media_type in wanted:
        if media_type in _WILDCARDS:
            named = version_of(_essence(content_type)) if content_type else None
            return Agreement(named if named in versions else versions[0], PLAIN)
        version = version_of(media_type)
        if version in versions:
            return Agreement(version, media_type)
    offered = ", ".join([PLAIN, *(vendor_type(version) for version in versions)])
    raise NotAcceptable(f"this operation returns {offered}")


def _by_preference(accept: str) -> list[str]:
    """Sort acceptable types by q, then by how specific they are, then by position."""
    ranked: list[tuple[float, int, int, str]] = []
    refused: set[str] = set()
    for index, item in enumerate(accept.split(",")):
        media_type = _essence(item)
        weight = _weight(item)
        if weight <= 0:
            refused.add(media_type)
        elif media_type:
            ranked.append((-weight, -_WILDCARDS.get(media_type, 3), index, media_type))
    return [media_type for *_, media_type in sorted(ranked) if media_type not in refused]


def _weight(item: str) -> float:
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value.strip()), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=256)
def check_json(content_type: str | None) -> None:
    """Check that a body of this content type is read as JSON. A missing type is accepted.

    Raises UnsupportedMediaType if the type is not JSON, or its charset is not UTF-8.
    """
    if not content_type or not content_type.strip():
        return
    essence = _essence(content_type)
    if essence != PLAIN and version_of(essence) is None:
        raise UnsupportedMediaType("send application/json or application/vnd.segment.…+json")
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in (
            "utf-8",
            "utf8",
            "us-ascii",
        ):
            raise UnsupportedMediaType("the body's charset must be utf-8")
