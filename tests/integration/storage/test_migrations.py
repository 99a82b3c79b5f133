"""Migrations: they produce the models' tables, and each can be reverted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command

from app.storage.migrate import configuration
from app.storage.revisions import head
from tests.servers import TestServers


@pytest.fixture
def empty(servers: TestServers) -> Iterator[str]:
    yield servers.create_database("migrations")
    servers.drop_database("migrations")


def test_each_step_goes_up_down_and_up_again(empty: str) -> None:
    config = configuration(empty)
    command.upgrade(config, "head")
    command.check(config)
    for _ in range(int(head())):
        command.downgrade(config, "-1")
    command.upgrade(config, "head")
    command.check(config)
