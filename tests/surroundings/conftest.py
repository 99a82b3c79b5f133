"""Servers of the distribution that several tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.surroundings.servers import PASSWORD, PgBouncer, Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL on loopback TCP, with TLS and passwords."""
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def pooler(postgres: Postgres) -> Iterator[PgBouncer]:
    """PgBouncer before it, by transaction, with three server connections."""
    server = PgBouncer(postgres)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def refusing_redis() -> Iterator[Redis]:
    """A Redis that can be made to refuse commands."""
    server = Redis(
        "--user", "limited", "on", f">{PASSWORD}", "~*", "+@all", "-zrangebyscore",
        "--user", "reader", "on", f">{PASSWORD}", "~*", "+@read", "+@connection", "+@transaction", "+info", "+dbsize",
    )  # fmt: skip
    yield server
    server.stop()
