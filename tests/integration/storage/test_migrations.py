"""Migrations: they produce the models' tables, and each can be reverted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


def test_processes_that_start_at_once_migrate_one_after_the_other(empty: str) -> None:
    """Example: two containers of a new version. The others find nothing to do."""
    code = "import sys; from app.storage.migrate import upgrade; upgrade(sys.argv[1])"
    root = Path(__file__).parents[3]
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty], cwd=root, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ends = [(one.communicate(timeout=60)[1], one.returncode) for one in starts]
    assert [code for _, code in ends] == [0, 0, 0], ends
    command.check(configuration(empty))
