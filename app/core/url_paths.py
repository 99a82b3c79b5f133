"""Paths of URLs: parts that are escaped exactly once, and the path of a request as it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_AS_SENT = "/%:@!$&'()*+,;=~"


def path_part(text: str) -> str:
    """Return a text as one part of a path, such as an id: ``a/b`` becomes ``a%2Fb``, and ``a%40b`` becomes ``a%2540b``.

    The parts ``.`` and ``..`` would be taken for steps between folders, so their dots are escaped, too. Browsers take them for
    steps nevertheless.
    """
    escaped = quote(text, safe="")
    return escaped.replace(".", "%2E") if text in (".", "..") else escaped


def raw_path(scope: Mapping[str, Any]) -> str:
    """Return the path of a request with its escapes, below ``root_path``, with one slash at its begin.

    The path that servers decode cannot be taken apart again: an escaped slash in an id is a slash there.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = quote(raw, safe=_AS_SENT)
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return f"/{path.lstrip('/')}"
