"""Requests as people see them: masked, and cut if they are long."""

from __future__ import annotations

import httpx

from app.services.delivery.request_log import BODY_BYTES, shown_request

SECRET = 'key-of-"the"-account'


def test_nothing_shows_a_secret_of_the_account() -> None:
    request = httpx.Request(
        "POST",
        "https://partner.example/v1/members?key=query-key",
        headers={"Authorization": f"Bearer {SECRET}", "User-Agent": "us"},
        json={"note": f"signed with {SECRET}", "id": "p1"},
    )
    shown = shown_request(request, [SECRET])
    assert "account" not in str(shown)
    assert "query-key" not in str(shown)
    assert (shown["method"], shown["headers"]["user-agent"]) == ("POST", "us")
    assert shown["url"].startswith("https://partner.example/v1/members?key=")
    assert "p1" in shown["body"]
    assert shown["truncated"] is False


def test_a_long_body_is_cut_after_it_is_masked() -> None:
    body = "x" * (BODY_BYTES - 5) + SECRET + "y" * BODY_BYTES
    shown = shown_request(httpx.Request("PUT", "https://partner.example/", content=body), [SECRET])
    assert shown["truncated"] is True
    assert len(shown["body"].encode()) <= BODY_BYTES
    assert "key" not in shown["body"]
