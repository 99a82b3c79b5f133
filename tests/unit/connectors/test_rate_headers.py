from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.connectors.rate_headers import RateHeaders, ToldLimit, told_limit

NOW = datetime(2026, 3, 1, 12, 0, 0, 400_000, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
TO_GO = RateHeaders("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "seconds_to_go")
SINCE_1970 = RateHeaders(
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "seconds_since_1970"
)


def told(names: RateHeaders, limit: str, remaining: str, reset: str) -> ToldLimit | None:
    headers = httpx.Headers({names.limit: limit, names.remaining: remaining, names.reset: reset})
    return told_limit(names, headers, now=NOW)


@pytest.mark.parametrize(
    ("names", "limit", "remaining", "reset", "expected"),
    [
        # The end of a window is cut to whole seconds, so it is up to one later.
        (TO_GO, "150", "149", "42", (150, 149, 43)),
        (TO_GO, "150", "0", "0", (150, 0, 1)),
        (SINCE_1970, "3000", "12", str(EPOCH + 2), (3000, 12, 3)),
        (SINCE_1970, "3000", "12", str(EPOCH - 90), (3000, 12, 1)),
        # A list of limits begins with the one that binds.
        (TO_GO, "10, 10;w=1, 150;w=60", "9", "1", (10, 9, 2)),
        (TO_GO, "150;w=60", "9.0", " 1.5", (150, 9, 2)),
        # No limit, or one that cannot be: the others count.
        (TO_GO, "", "3", "5", (None, 3, 6)),
        (TO_GO, "0", "3", "5", (None, 3, 6)),
        (TO_GO, "many", "3", "5", (None, 3, 6)),
        # Never longer than an hour, whatever is said, and a moment where seconds to go are meant.
        (TO_GO, "150", "0", "86400", (150, 0, 3600)),
        (TO_GO, "150", "0", str(EPOCH), (150, 0, 3600)),
        (SINCE_1970, "150", "0", "999999999999", (150, 0, 3600)),
    ],
)
def test_reads_the_headers(
    names: RateHeaders,
    limit: str,
    remaining: str,
    reset: str,
    expected: tuple[int | None, int, int],
) -> None:
    assert told(names, limit, remaining, reset) == ToldLimit(
        expected[0], expected[1], timedelta(seconds=expected[2])
    )


@pytest.mark.parametrize("value", ["", "-1", "soon", "nan", "1e9", "9" * 13, "9" * 5000, ";w=1"])
@pytest.mark.parametrize("where", ["remaining", "reset"])
def test_a_value_that_is_not_a_number_is_ignored(value: str, where: str) -> None:
    values = {"remaining": "3", "reset": "5", where: value}
    assert told(TO_GO, "150", **values) is None


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 01 Mar 2026 11:50:00 GMT", 3),  # our clock is ten minutes before theirs
        ("Sun, 01 Mar 2026 11:50:00 +99999999", 1),
        ("soon", 1),
        ("", 1),
    ],
)
def test_a_reset_time_is_relative_to_the_partners_clock(date: str, seconds: int) -> None:
    reset = str(EPOCH - 600 + 2)
    values = {SINCE_1970.remaining: "0", SINCE_1970.reset: reset, "date": date}
    found = told_limit(SINCE_1970, httpx.Headers(values), now=NOW)
    assert found == ToldLimit(None, 0, timedelta(seconds=seconds))


def test_a_response_without_the_headers_has_no_limit() -> None:
    assert told_limit(TO_GO, httpx.Headers({"ratelimit-limit": "150"}), now=NOW) is None
    assert told_limit(SINCE_1970, httpx.Headers({"ratelimit-remaining": "0"}), now=NOW) is None
