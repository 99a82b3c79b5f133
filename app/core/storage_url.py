"""The URL of the object store: ``file:///folder``, ``s3://bucket/prefix`` or ``gs://bucket/prefix``, with options as query.

Without credentials in the options, those of the process are used, as the vendor's own tools find them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Kind = Literal["file", "s3", "gs"]

OPTIONS: Mapping[Kind, tuple[str, ...]] = {
    "file": (),
    "s3": (
        "access_key",
        "secret_key",
        "session_token",
        "role_arn",
        "external_id",
        "region",
        "endpoint_override",
        "scheme",
    ),
    "gs": ("anonymous", "endpoint_override", "scheme"),
}
_SCHEMES: Mapping[str, Kind] = {"file": "file", "s3": "s3", "gs": "gs", "gcs": "gs"}
_VALUES = {"scheme": ("http", "https"), "anonymous": ("true", "false")}
_FORMS = "file:///folder, s3://bucket/prefix and gs://bucket/prefix exist"


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """A store: ``root`` is the path of a folder, or ``bucket/prefix``."""

    kind: Kind
    root: str
    options: Mapping[str, str] = field(default_factory=dict)


def parse_storage_url(url: str) -> StoragePlace:
    """Read a URL. Raises ValueError with a sentence that names the fault and what exists."""
    parts = urlsplit(url.strip())
    kind = _SCHEMES.get(parts.scheme)
    if kind is None:
        begin = f"begins with {parts.scheme}://" if parts.scheme else "has no scheme"
        raise ValueError(f"STORAGE_URL {begin}; {_FORMS}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check_options(kind, options)
    if kind == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.strip("/"):
            raise ValueError(
                "STORAGE_URL needs three slashes and a folder, as in file:///var/lib/objects"
            )
        return StoragePlace(kind, unquote(parts.path))
    if "@" in parts.netloc:  # messages and logs show this part of the URL
        raise ValueError(
            "STORAGE_URL has a name or a key before its bucket; give keys as options, as in "
            "s3://bucket?access_key=…&secret_key=…"
        )
    if not parts.hostname:
        raise ValueError(f"STORAGE_URL names no bucket; {_FORMS}")
    return StoragePlace(kind, f"{parts.netloc}{unquote(parts.path)}".rstrip("/"), options)


def _check_options(kind: Kind, options: Mapping[str, str]) -> None:
    known = OPTIONS[kind]
    for name, value in options.items():
        if name not in known:
            close = [option for option in known if option[:3] == name[:3]]
            meant = f" (meant: {close[0]}?)" if close else ""
            exist = f"options of {kind}:// are {', '.join(known)}" if known else "there are none"
            raise ValueError(f"STORAGE_URL has the unknown option {name}{meant}; {exist}")
        if name in _VALUES and value.lower() not in _VALUES[name]:
            raise ValueError(f"STORAGE_URL has {name}={value}; it is {' or '.join(_VALUES[name])}")
