from __future__ import annotations

from urllib.parse import unquote

import pytest

from app.core.url_paths import path_part, raw_path


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a%40b", "a%2540b"),
        ("a/b", "a%2Fb"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("ü", "%C3%BC"),
        ("a b", "a%20b"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a..b", "a..b"),
    ],
)
def test_a_part_is_escaped_exactly_once(text: str, part: str) -> None:
    assert path_part(text) == part
    assert unquote(part) == text


@pytest.mark.parametrize(
    ("raw", "root", "path"),
    [
        (b"/a%2540b/c%2Fd", "", "/a%2540b/c%2Fd"),
        (b"//a", "", "/a"),
        (b"/api/a%3Fb", "/api", "/a%3Fb"),
        ("/ü".encode(), "", "/%C3%BC"),
        (b"", "", "/"),
    ],
)
def test_the_path_of_a_request_keeps_its_escapes(raw: bytes, root: str, path: str) -> None:
    scope = {"raw_path": raw or None, "path": raw.decode(), "root_path": root}
    assert raw_path(scope) == path
