"""What a command says in surroundings in which it cannot start: one sentence, and the documented exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from app.cli.application import main
from app.core.objects import StoreAway
from app.embedded.accounts import Account
from app.embedded.errors import ExitCode, ServersUnavailable
from app.embedded.postgres import check_name
from app.services import tenancy
from app.storage.engine import DatabaseAway
from tests.surroundings.servers import free_port

ROOT = Path(__file__).parents[2]
KEYS = {
    "ACTIVATIONS_ENCRYPTION_KEYS": "k1:" + "a2V5" * 10 + "a2U=",
    "ACTIVATIONS_TOKEN_PEPPER": "pepper-of-the-tests-pepper-of-the-tests-0000",
}
AWAY = "postgresql://service@127.0.0.1:1/none"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; returns its exit code and what it says on stderr."""

    def carry_out(*command: str, **environment: str) -> tuple[int, str]:
        for name, value in {**KEYS, **environment}.items():
            monkeypatch.setenv(name, value)
        port = ["--port", str(free_port())] if command[0] in ("up", "api") else []
        monkeypatch.setattr(
            sys, "argv", ["activations", *command, "--data", str(tmp_path / "data"), *port]
        )
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        said = [
            line
            for line in capsys.readouterr().err.splitlines()
            if line.startswith("activations: ")
        ]
        assert len(said) == 1, "one sentence"
        return int(ended.value.code or 0), said[0]

    return carry_out


@pytest.mark.parametrize("command", ["up", "api", "worker", "migrate"])
def test_a_database_that_is_away_is_named_with_code_8(run: Run, command: str) -> None:
    code, said = run(command, DATABASE_URL=AWAY)
    assert code == ExitCode.SERVER_UNREACHABLE
    assert "Cannot connect to the database of DATABASE_URL: " in said


@pytest.mark.parametrize(
    ("error", "code", "named"),
    [
        (DatabaseAway("cut"), 8, "The database of DATABASE_URL became unavailable: cut."),
        (asyncpg.AdminShutdownError("it stops"), 8, "became unavailable: it stops."),
        (StoreAway("no such bucket"), 10, "The object store became unavailable: no such bucket."),
    ],
)
def test_what_goes_away_while_a_command_runs_is_named(
    run: Run,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
    named: str,
) -> None:
    async def goes_away(_: object) -> None:
        raise error

    monkeypatch.setattr(tenancy, "rotate_keys", goes_away)
    found, said = run("keys", "rotate", DATABASE_URL=database_url)
    assert found == code
    assert named in said


@pytest.mark.parametrize("command", ["create", "list"])
def test_console_commands_name_a_database_that_is_away(run: Run, command: str) -> None:
    code, said = run(
        "workspace", command, *(["--name", "A"] * (command == "create")), DATABASE_URL=AWAY
    )
    assert code == ExitCode.SERVER_UNREACHABLE
    assert "Cannot connect to the database of DATABASE_URL: " in said


@pytest.mark.parametrize(
    ("settings", "code", "named"),
    [
        ({"DATABASE_URL": "postgresql://db/n?schema=x"}, 2, "DATABASE_URL has the parameter schema"),
        ({"DATABASE_URL": "mysql://root:secret@db/n"}, 2, "not with mysql://"),
        ({"REDIS_URL": "redis://r/one"}, 2, "the database one"),
        ({"STORAGE_URL": "abfs://container/x"}, 2, "abfs://; file:///folder, s3://bucket/prefix"),
        ({"STORAGE_URL": "s3://bucket?endpiont=x"}, 2, "unknown option endpiont (meant: endpoint_override?)"),
        ({"ACTIVATIONS_SMTP_URL": "mail"}, 2, "ACTIVATIONS_SMTP_URL cannot be used: it begins with smtp://"),
        ({"ACTIVATIONS_LEASE": "soon"}, 2, "ACTIVATIONS_LEASE"),
    ],
)  # fmt: skip
def test_a_setting_is_refused_by_name(
    run: Run, settings: dict[str, str], code: int, named: str
) -> None:
    found, said = run("worker", **{"DATABASE_URL": AWAY, **settings})
    assert found == code
    assert named in said
    assert "root:secret" not in said


@pytest.mark.parametrize(
    ("store", "named"),
    [
        ("file:///proc/no/such", "file:///proc/no/such cannot be used: "),
        ("s3://bucket?access_key=a&secret_key=b&scheme=http&endpoint_override=127.0.0.1:1&region=eu", "s3://bucket cannot be used: "),
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_used_is_named_with_code_10(
    run: Run, database_url: str, store: str, named: str
) -> None:
    code, said = run("worker", DATABASE_URL=database_url, STORAGE_URL=store)
    assert code == ExitCode.STORE_UNUSABLE
    assert named in said
    assert "secret_key" not in said


def test_an_allow_list_that_cannot_be_read_is_refused_by_name(run: Run, database_url: str) -> None:
    code, said = run("worker", DATABASE_URL=database_url, ACTIVATIONS_OUTBOUND_ALLOW="10.0.0.0/99")
    assert code == ExitCode.WRONG_SETTING
    assert "ACTIVATIONS_OUTBOUND_ALLOW: '10.0.0.0/99'" in said


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_database_that_was_never_migrated_is_refused(
    run: Run, servers: object, command: str, lender: object
) -> None:
    from tests.servers import TestServers

    assert isinstance(servers, TestServers)
    url = servers.create_database("never_migrated")
    try:
        code, said = run(command, DATABASE_URL=url)
    finally:
        servers.drop_database("never_migrated")
    assert code == ExitCode.SERVER_UNREACHABLE
    assert "was never migrated" in said


def test_an_account_without_a_name_is_told_what_to_do() -> None:
    with pytest.raises(ServersUnavailable, match="activations:x:54321:54321::/tmp:/bin/false"):
        check_name(Account(54321, 54321))


@pytest.mark.surroundings
@pytest.mark.parametrize("after", [0.15, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("command", ["up", "api", "worker"])
def test_a_signal_while_it_starts_ends_it_cleanly(
    tmp_path: Path, command: str, after: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", command, "--data", str(tmp_path / "data")],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": AWAY.replace(":1/", f":{free_port()}/"),
            **KEYS,
        },
        stderr=subprocess.PIPE,
    )
    time.sleep(after)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)[1].decode()
    assert process.returncode in (0, ExitCode.SERVER_UNREACHABLE)
    assert "Traceback" not in said
