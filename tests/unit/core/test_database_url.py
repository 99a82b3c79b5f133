"""The URL of the database, read as libpq reads it."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.database_url import mark_pooled, parse_database_url


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        (
            "postgresql://u:p@db/name",
            "postgresql://?user=u&password=p&dbname=name&host=db",
        ),
        ("postgres://db:6543/name", "postgresql://?dbname=name&host=db&port=6543"),
        ("postgresql+asyncpg://db/name", "postgresql://?dbname=name&host=db"),
        ("postgresql+psycopg://db/name", "postgresql://?dbname=name&host=db"),
        ("postgresql://[::1]:5433/n", "postgresql://?dbname=n&host=%5B%3A%3A1%5D&port=5433"),
        ("postgresql:///n?host=/run/pg&port=5433", "postgresql://?dbname=n&host=%2Frun%2Fpg&port=5433"),
        ("postgresql://%2Frun%2Fpg/n", "postgresql://?dbname=n&host=%2Frun%2Fpg"),
        ("postgresql://u:p%40ss%2F@db/n", "postgresql://?user=u&password=p%40ss%2F&dbname=n&host=db"),
        ("postgresql://u:a@b#c@db/n", "postgresql://?user=u&password=a%40b%23c&dbname=n&host=db"),
        ("postgresql://u:a%2Bb+c@db/n", "postgresql://?user=u&password=a%2Bb%2Bc&dbname=n&host=db"),
        ("postgresql://db/n?user=u&password=a+b", "postgresql://?user=u&password=a%2Bb&dbname=n&host=db"),
        ("postgresql://db/n?dbname=m", "postgresql://?dbname=m&host=db"),
        ("postgresql://db/n?ssl=true", "postgresql://?dbname=n&sslmode=require&host=db"),
        ("postgresql://db/n?sslmode=require&channel_binding=prefer", "postgresql://?dbname=n&sslmode=require&host=db"),
        ("postgresql://?port=6000", "postgresql://?host=localhost&port=6000"),
    ],
)  # fmt: skip
def test_a_url_means_what_it_means_for_libpq(url: str, dsn: str) -> None:
    address = parse_database_url(url)
    assert address.dsn(address.hosts[0]) == dsn


def test_a_url_without_a_host_leaves_it_to_the_driver() -> None:
    address = parse_database_url("postgresql:///name")
    assert address.hosts == ()
    assert address.dsn(None) == "postgresql://?dbname=name"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://a:1,b:2/n", (("a", 1), ("b", 2))),
        ("postgresql://a,b/n?port=5", (("a", 5), ("b", 5))),
        ("postgresql:///n?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgresql://a,[::1]:7/n", (("a", None), ("::1", 7))),
    ],
)
def test_several_hosts_have_their_ports(url: str, hosts: Any) -> None:
    assert parse_database_url(url).hosts == hosts


@pytest.mark.parametrize(
    ("options", "session"),
    [
        ("-c%20lock_timeout%3D7s", {"lock_timeout": "7s"}),
        ("-clock_timeout=7s%20--work-mem=4MB", {"lock_timeout": "7s", "work_mem": "4MB"}),
        ("-csearch_path%3Da%2C%5C%20b", {"search_path": "a, b"}),
    ],
)
def test_options_are_settings_of_each_session(options: str, session: dict[str, str]) -> None:
    assert parse_database_url(f"postgresql://db/n?options={options}").session == session


def test_names_and_time_limits() -> None:
    url = "postgresql://db/n?connect_timeout=7&application_name=x&keepalives_idle=30&target_session_attrs=primary"
    address = parse_database_url(url)
    assert address.timeout == 7
    assert address.session == {"application_name": "x"}
    assert address.keepalive == {"keepalives_idle": 30}
    assert address.target == "primary"
    assert parse_database_url("postgresql://db/n?connect_timeout=1").timeout == 2
    assert parse_database_url("postgresql://db/n").timeout == 3


def test_a_pooler_is_stated_in_the_url() -> None:
    assert not parse_database_url("postgresql://db/n").pooled
    assert parse_database_url(mark_pooled("postgresql://db/n")).pooled
    assert parse_database_url(mark_pooled("postgresql://db/n?sslmode=require")).pooled


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://root:secret@db/n", "mysql://"),
        ("db.internal/n", "begins with postgresql://"),
        ("host=db dbname=n password=secret", "begins with postgresql://"),
        ("postgresql://db/n?schema=public", "schema, which is not supported; give it as options"),
        ("postgresql://db/n?connection_limit=5", "connection_limit"),
        ("postgresql://db/n?prepared_statement_cache_size=0", "pgbouncer=true"),
        ("postgresql://db/n?sslmode=no-verify", "sslmode=no-verify"),
        ("postgresql://db/n?channel_binding=require", "sslmode=verify-full protects"),
        ("postgresql://db/n?gssencmode=require", "gssencmode=require"),
        ("postgresql://db/n?hostaddr=10.0.0.1", "give the address as host"),
        ("postgresql://db/n?target_session_attrs=standby", "read-write or primary"),
        ("postgresql://db/n?client_encoding=LATIN1", "client_encoding=LATIN1"),
        ("postgresql://db/n?sslrootcert=system&sslmode=require", "sslmode=verify-full"),
        ("postgresql://db/n?connect_timeout=soon", "connect_timeout=soon"),
        ("postgresql://db/n?options=-f%20x", "-f"),
        ("postgresql://db/n?options=-c%20x", "not NAME=VALUE"),
        ("postgresql://db/n?sslmode", "sslmode of DATABASE_URL has no value"),
        ("postgresql://a:1,b:2/n?port=1,2,3", "2 hosts and 3 ports"),
        ("postgresql://u:secret/word@db/n", "percent-encode"),
        ("postgresql://db:99999/n", "from 1 to 65535"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the text is compared
        parse_database_url(url)
    assert named in str(refused.value)
    assert "secret" not in str(refused.value)
