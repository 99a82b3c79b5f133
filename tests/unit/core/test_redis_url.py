"""The URL of Redis."""

from __future__ import annotations

import pytest

from app.core.redis_url import RedisAddress, parse_redis_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://r", RedisAddress(None, "r", 6379, False, None, None, 0)),
        ("redis://r/", RedisAddress(None, "r", 6379, False, None, None, 0)),
        ("rediss://u:p%40ss@r:1/2", RedisAddress(None, "r", 1, True, "u", "p@ss", 2)),
        ("redis://:p%2Fw@r?db=3", RedisAddress(None, "r", 6379, False, None, "p/w", 3)),
        ("unix:///run/r.sock?db=1", RedisAddress("/run/r.sock", "localhost", 6379, False, None, None, 1)),
    ],
)  # fmt: skip
def test_parts_are_read(url: str, address: RedisAddress) -> None:
    assert parse_redis_url(url) == address


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://r", "begins with redis://"),
        ("r:6379", "begins with redis://"),
        ("redis://r/first", "the database first"),
        ("redis://r?ssl_cert_reqs=none", "unknown option ssl_cert_reqs"),
        ("redis://:a/b@r:6379", "percent-encode"),
        ("unix://", "names no socket"),
    ],
)
def test_faults_are_named(url: str, named: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the text is compared
        parse_redis_url(url)
    assert named in str(refused.value)
