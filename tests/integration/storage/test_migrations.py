"""Migrations: they produce the models' tables, and each can be reverted."""

from __future__ import annotations

import os
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


@pytest.mark.walk
def test_each_step_goes_up_down_and_up_again(empty: str) -> None:
    config = configuration(empty)
    command.upgrade(config, "head")
    command.check(config)
    for _ in range(int(head())):
        command.downgrade(config, "-1")
    command.upgrade(config, "head")
    command.check(config)


@pytest.mark.walk
def test_processes_that_migrate_at_once_take_turns(empty: str, tmp_path: Path) -> None:
    """Several hosts start a new version at one moment: each runs all missing migrations, or none."""
    environment = {
        **os.environ,
        "DATABASE_URL": empty,
        "ACTIVATIONS_ENCRYPTION_KEYS": "k1:" + "a2V5" * 10 + "a2U=",
        "ACTIVATIONS_TOKEN_PEPPER": "pepper-of-the-tests-pepper-of-the-tests-0000",
    }
    command = [sys.executable, "-P", "-m", "app.cli", "migrate", "--data", str(tmp_path / "none")]
    started = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0, 0], ended
