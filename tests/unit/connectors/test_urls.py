"""URLs of calls: sent as they were built, with each part escaped once."""

from __future__ import annotations

import pytest

from app.connectors.exchanges import read_url
from app.connectors.urls import query_secrets, with_hidden_query
from app.core.url_paths import path_part


@pytest.mark.parametrize("name", ["a%40b", "a/b", "a?b", "a#b", "ü", "..", ".", "a b"])
def test_an_id_in_a_path_is_sent_as_it_is_escaped(name: str) -> None:
    url, target = read_url(f"https://a.example/v2/profiles/{path_part(name)}/x?y=1")
    path = f"/v2/profiles/{path_part(name)}/x?y=1"
    assert (url.raw_path.decode(), target.raw_path_qs) == (path, path)


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("https://a.example/x", "https://a.example/x", []),
        ("https://a.example/x?a=b%2Bc&d", "https://a.example/x?a=<hidden>&<hidden>", ["b%2Bc", "b+c", "d"]),
        ("https://a.example/x?a=&b=1#c", "https://a.example/x?a=<hidden>&b=<hidden>", ["1"]),
        ("https://a.example/x?", "https://a.example/x?<hidden>", []),
    ],
)  # fmt: skip
def test_values_of_parameters_are_hidden(url: str, shown: str, secrets: list[str]) -> None:
    assert with_hidden_query(url) == shown
    assert query_secrets(url) == secrets
