"""A partner that answers with what it was sent tells nobody our secrets."""

from __future__ import annotations

import json

import httpx
import pytest

from app.connectors.answers import error_for_answer, printable
from app.connectors.echoes import shown_url, without_echoes
from app.core.logging import register_secret


def request(**headers: str) -> httpx.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Request("POST", "https://a.example/x?code=in%2Fthe-url&page=1", headers=named)


@pytest.mark.parametrize("echo", ["Basic Zm9vOmJhcg", 'say "hello"', "Token 0123456789"])
def test_a_header_is_not_quoted(echo: str) -> None:
    asked = request(x_own=echo)
    body = json.dumps({"headers": dict(asked.headers), "url": str(asked.url)})
    error = error_for_answer(httpx.Response(422, json=json.loads(body), request=asked))
    assert error is not None
    assert "HTTP 422" in error.message
    for secret in (echo, json.dumps(echo)[1:-1], "0123456789", "the-url"):
        assert secret not in error.message


def test_what_a_cut_would_halve_is_masked_before() -> None:
    register_secret("a-secret-of-an-account")
    assert printable("x" * 295 + "a-secret-of-an-account", 300) == "x" * 295 + "***"


def test_words_that_are_no_secret_stay() -> None:
    asked = request(authorization="Klaviyo-API-Key 0123456789", content_type="application/json")
    words = "send application/json with the header Klaviyo-API-Key"
    assert without_echoes(words, asked) == words


def test_a_url_is_shown_without_the_values_of_its_parameters() -> None:
    assert shown_url(request().url) == "https://a.example/x?code=<…>&page=<…>"
    assert shown_url(httpx.URL("https://a.example:8443/x")) == "https://a.example:8443/x"
