"""A partner that repeats requests reveals no secret, and secrets of one account do not mask texts of another."""

from __future__ import annotations

import base64
import contextvars
import html
import json
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import httpx
import pytest

from app.connectors.answers import error_for_answer, quoted
from app.connectors.base import CheckResult, Refusal
from app.connectors.echoes import masked, set_account, shown_url
from app.connectors.errors import ConnectorError
from app.core.logging import register_secret

OWN = "own-secret/of+the-account"


CODED = {
    "plain": OWN,
    "URL": quote(OWN, safe=""),
    "URL twice": quote(quote(OWN, safe=""), safe=""),
    "small URL": quote(OWN, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "form": quote_plus(OWN),
    "HTML": html.escape(OWN),
    "base64": base64.b64encode(OWN.encode()).decode().rstrip("="),
    "base64 of URLs": base64.urlsafe_b64encode(OWN.encode()).decode().rstrip("="),
    "hexadecimal": OWN.encode().hex(),
    "upper case": OWN.upper(),
    "lower case": OWN.lower(),
}


@pytest.fixture
def _account() -> Iterator[None]:
    set_account((OWN,))
    yield
    set_account(())


@pytest.mark.usefixtures("_account")
@pytest.mark.parametrize("coded", CODED.values(), ids=CODED)
def test_no_field_of_an_error_or_a_refusal_holds_a_secret(coded: str) -> None:
    said = f"the key {coded} is wrong"
    error = ConnectorError(said, code=f"bad:{coded}", vendor_request_id=f"r-{coded}")
    refusal = Refusal(f"bad:{coded}", said, f"/data/{coded}/0")
    check = CheckResult(ok=False, message=said, warnings=[said])
    shown = [str(error), repr(error), *map(str, vars(error).values()), repr(refusal), repr(check)]
    assert not any(coded in text for text in shown), shown
    assert error.code == "bad:<…>"
    assert refusal.pointer == "/data/<…>/0"


def test_a_code_is_cut_and_printable() -> None:
    error = ConnectorError("x", code="a\nb\x1b[31m" + "c" * 10_000)
    assert error.code.startswith("a b [31mccc")
    assert len(error.code) == 100


@pytest.mark.usefixtures("_account")
def test_other_tasks_keep_their_own_account() -> None:
    other = contextvars.copy_context()
    other.run(set_account, ("another-secret",))
    assert other.run(masked, f"{OWN} another-secret") == f"{OWN} <…>"
    assert masked(f"{OWN} another-secret") == "<…> another-secret"


def request(*, secrets: tuple[str, ...] = (), **headers: str) -> httpx.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = "https://a.example/x?code=in%2Fthe-url&page=1"
    return httpx.Request("POST", url, headers=named, extensions={"account_secrets": secrets})


def quote_of(text: str, asked: httpx.Request) -> str:
    return quoted(httpx.Response(422, text=text, request=asked))


@pytest.mark.parametrize("echo", ["Basic Zm9vOmJhcg", 'say "hello"', "Token 0123456789"])
def test_a_header_is_not_quoted(echo: str) -> None:
    asked = request(x_own=echo)
    body = json.dumps({"headers": dict(asked.headers), "url": str(asked.url)})
    error = error_for_answer(httpx.Response(422, json=json.loads(body), request=asked))
    assert error is not None
    assert "HTTP 422" in error.message
    for secret in (echo, json.dumps(echo)[1:-1], "0123456789", "the-url"):
        assert secret not in error.message


def test_masks_secrets_of_the_account_only() -> None:
    register_secret("postgres-of-another")
    text = f"postgres-of-another is not {OWN}, own-secret%2Fof%2Bthe-account"
    asked = request(secrets=(OWN,))
    assert quote_of(text, asked) == ': "postgres-of-another is not <…>, <…>"'


@pytest.mark.parametrize("before", range(250, 301, 10))
def test_a_secret_at_the_cut_of_a_quote_is_masked_first(before: int) -> None:
    words = quote_of("x" * before + OWN, request(secrets=(OWN,)))
    assert words == f': "{("x" * before + "<…>")[:300]}"'


@pytest.mark.parametrize("shift", [0, 1, 77, 1000, 1999])
def test_half_a_secret_at_the_cut_of_a_long_response_is_not_quoted(shift: int) -> None:
    secret = "k" + "0123456789" * 200
    text = " " * shift + secret * 100  # each mask moves what is behind it forward
    words = quote_of(text, request(secrets=(secret,)))
    assert not any(digit in words for digit in "0123456789")


def test_a_long_answer_is_quoted_as_quickly_as_a_short_one() -> None:
    for number in range(500):
        register_secret(f"secret-of-one-of-many-{number}")
    asked = request(secrets=(OWN,))
    short, long = (
        httpx.Response(422, text=("words of a partner " * 60_000)[:size], request=asked)
        for size in (10_000, 1024 * 1024)
    )

    def seconds(response: httpx.Response) -> float:
        response.text  # noqa: B018  read once before
        taken = []
        for _ in range(5):
            begin = time.perf_counter()
            quoted(response)
            taken.append(time.perf_counter() - begin)
        return min(taken)

    assert seconds(long) < 10 * seconds(short)


def test_words_that_are_not_secret_stay() -> None:
    asked = request(authorization="Klaviyo-API-Key 0123456789", content_type="application/json")
    words = "send application/json with the header Klaviyo-API-Key"
    assert quote_of(words, asked) == f': "{words}"'


def test_a_url_is_shown_without_parameter_values() -> None:
    assert shown_url(request().url) == "https://a.example/x?code=<…>&page=<…>"
    assert shown_url(httpx.URL("https://a.example:8443/x")) == "https://a.example:8443/x"
    assert shown_url(httpx.URL("https://a.example/x?only-a-key")) == "https://a.example/x?<…>"
