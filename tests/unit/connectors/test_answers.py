from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.connectors.answers import error_for_answer, raise_for_answer, retry_after, unconfirmed
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Redirected,
    Throttled,
    TransientFailure,
)


def answer(status: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        status, headers=named, request=httpx.Request("POST", "https://a.example/x?key=secret")
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(status: int) -> None:
    raise_for_answer(answer(status))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, Redirected),
        (301, Redirected),
        (302, Redirected),
        (308, Redirected),
        (400, PayloadRejected),
        (401, AuthenticationRejected),
        (403, AuthenticationRejected),
        (404, PayloadRejected),
        (405, PayloadRejected),
        (408, TransientFailure),
        (409, PayloadRejected),
        (410, ConfigurationRejected),
        (413, PayloadRejected),
        (422, PayloadRejected),
        (425, TransientFailure),
        (429, Throttled),
        (500, TransientFailure),
        (502, TransientFailure),
        (503, TransientFailure),
        (504, TransientFailure),
        (524, TransientFailure),
        (599, TransientFailure),
    ],
)
def test_status_to_error(status: int, kind: type[ConnectorError]) -> None:
    with pytest.raises(kind) as caught:
        raise_for_answer(answer(status, x_request_id="req-1"))
    assert type(caught.value) is kind
    assert caught.value.http_status == status
    assert caught.value.vendor_request_id == "req-1"
    assert "secret" not in caught.value.message


def test_server_errors_are_ambiguous() -> None:
    error = error_for_answer(answer(500))
    assert isinstance(error, TransientFailure)
    assert error.ambiguous


def test_503_with_retry_after_is_a_throttle() -> None:
    error = error_for_answer(answer(503, retry_after="7"))
    assert isinstance(error, Throttled)
    assert error.retry_after == timedelta(seconds=7)


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("12", 12),
        ("1.5", 1.5),
        ("-5", 0),
        ("99999", 3600),
        ("inf", 3600),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(answer(429, retry_after=text), now=NOW) == expected


def test_a_textual_answer_is_quoted_on_one_line() -> None:
    response = httpx.Response(
        422,
        text="no\x1b[31m such\r\nlist " + "x" * 1000,
        request=httpx.Request("POST", "https://a.example"),
    )
    error = error_for_answer(response)
    assert error is not None
    assert 'HTTP 422: "no [31m such list xxx' in error.message
    assert len(error.message) < 400
    assert error.message.isprintable()


def test_html_is_not_quoted() -> None:
    error = error_for_answer(httpx.Response(422, html="<html>secret</html>"))
    assert error is not None
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("status", "permanent", "ambiguous"),
    [
        (300, True, False),
        (301, True, False),
        (302, False, True),
        (303, False, True),
        (304, True, False),
        (307, False, False),
        (308, True, False),
        (399, True, False),
    ],
)
def test_redirects_name_their_target(status: int, permanent: bool, ambiguous: bool) -> None:
    error = error_for_answer(answer(status, location="https://b.example/down?key=secret"))
    assert isinstance(error, Redirected)
    assert (error.permanent, error.ambiguous) == (permanent, ambiguous)
    assert "to https://b.example/down?key=<…>;" in error.message
    assert "update the URL" in error.message


@pytest.mark.parametrize("target", ["", "/elsewhere", "https://[", "\x00\xff", "x" * 9999])
def test_odd_targets_of_redirects(target: str) -> None:
    response = httpx.Response(
        302,
        headers=[(b"location", target.encode("latin-1"))],
        request=httpx.Request("POST", "https://a.example"),
    )
    error = error_for_answer(response)
    assert isinstance(error, Redirected)
    assert error.message.isprintable()
    assert len(error.message) < 400


def test_a_success_that_confirms_nothing_is_quoted() -> None:
    response = httpx.Response(200, json={"message": "hello"})
    error = unconfirmed(response, "Braze", "check rest_endpoint")
    assert 'HTTP 200, but its body is not the expected one: "{"message":"hello"}"' in error.message
    assert error.message.endswith("so nothing is confirmed; check rest_endpoint")
