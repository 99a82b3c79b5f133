"""What a command says in surroundings in which it cannot start: one sentence, and the documented exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from app.cli import application, signals
from app.cli.application import main
from app.core.config import Settings
from app.core.objects import StoreAway
from app.core.version import VERSION
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
        ({"STORAGE_URL": "s3://root:secret@bucket"}, 2, "STORAGE_URL has a name or a key before its bucket"),
        ({"ACTIVATIONS_SMTP_URL": "mail"}, 2, "ACTIVATIONS_SMTP_URL cannot be used: it begins with smtp://"),
        ({"ACTIVATIONS_LEASE": "soon"}, 2, "ACTIVATIONS_LEASE cannot be used: must be a duration: seconds such as 30"),
        ({"ACTIVATIONS_API_PROCESSES": "two"}, 2, "ACTIVATIONS_API_PROCESSES cannot be used: must be a whole number."),
        ({"ACTIVATIONS_LOG_LEVEL": "verbose"}, 2, "verbose is not a level; levels are debug, info"),
        ({"ACTIVATIONS_LEESE": "90"}, 2, "ACTIVATIONS_LEESE does not exist (meant: ACTIVATIONS_LEASE?)"),
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
    "command",
    [("token", "list"), ("workspace", "list"), ("keys", "rotate"), ("migrate",), ("console",)],
)
def test_a_misspelt_name_is_refused_by_each_command_that_reads_a_database(
    run: Run, command: tuple[str, ...]
) -> None:
    code, said = run(*command, ACTIVATIONS_DATABSE_URL=AWAY)
    assert code == ExitCode.WRONG_SETTING
    assert "ACTIVATIONS_DATABSE_URL does not exist (meant: ACTIVATIONS_DATABASE_URL?)" in said


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_part_alone_starts_no_servers_in_an_empty_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    code, said = run(command)
    assert code == ExitCode.FOLDER_NOT_USABLE
    assert "has no data of the service. Name its folder with --data, or set DATABASE_URL." in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_a_failing_command_leaves_no_folder(run: Run, tmp_path: Path, command: str) -> None:
    assert run(command, DATABASE_URL=AWAY)[0] == ExitCode.SERVER_UNREACHABLE
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_folder_that_holds_nothing_is_not_created(
    run: Run, tmp_path: Path, database_url: str, command: str
) -> None:
    places = {
        "STORAGE_URL": (tmp_path / "objects").as_uri(),
        "ACTIVATIONS_CACHE_DIR": str(tmp_path / "c"),
    }
    refused = {"ACTIVATIONS_OUTBOUND_ALLOW": "10.0.0.0/99"}  # noticed after the folder is created
    assert run(command, DATABASE_URL=database_url, **refused, **places)[0] == 2
    assert not (tmp_path / "data").exists()
    assert run(command, DATABASE_URL=database_url, **refused, **dict.fromkeys(places, ""))[0] == 2
    assert (tmp_path / "data" / "cache").exists()


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


@pytest.mark.parametrize(
    "command", ["api", "worker", "token list", "workspace list", "keys rotate"]
)
@pytest.mark.parametrize(
    ("revision", "said"),
    [
        (None, "was never migrated"),
        ("20990101", "has the migration 20990101, which this version does not know"),
    ],
)
def test_only_up_and_migrate_migrate_a_database(
    run: Run, servers: object, command: str, revision: str | None, said: str
) -> None:
    from tests.servers import TestServers

    assert isinstance(servers, TestServers)
    url = servers.create_database("never_migrated")
    try:
        if revision is not None:
            execute(url, f"CREATE TABLE alembic_version AS SELECT '{revision}' AS version_num")
        found, sentence = run(*command.split(), DATABASE_URL=url)
        tables = execute(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    finally:
        servers.drop_database("never_migrated")
    assert found == ExitCode.SERVER_UNREACHABLE
    assert said in sentence
    assert tables == (0 if revision is None else 1)


@pytest.mark.parametrize("command", ["token list", "token create --name a", "workspace list"])
def test_a_folder_without_data_is_refused_and_stays_as_it_is(
    run: Run, tmp_path: Path, command: str
) -> None:
    code, said = run(*command.split())
    assert code == ExitCode.FOLDER_NOT_USABLE
    assert f"The folder {tmp_path / 'data'} has no data of the service." in said
    assert not (tmp_path / "data").exists()


def test_the_tokens_of_an_unknown_workspace_are_not_an_empty_list(
    run: Run, database_url: str
) -> None:
    code, said = run("token", "list", "--workspace", "ws_other", DATABASE_URL=database_url)
    assert code == 1
    assert "There is no workspace ws_other; `activations workspace list` prints all." in said


def execute(url: str, statement: str) -> object:
    """Run one statement. Returns its first value, if there is one."""

    async def carry_out() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(carry_out())


def test_the_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["activations", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out == f"activations {VERSION}\n"


def test_an_error_of_what_a_signal_interrupted_is_a_clean_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["activations", "migrate"])
    monkeypatch.setattr(signals, "_received", [])

    def interrupted(*_arguments: object) -> None:
        with contextlib.suppress(SystemExit):
            signals._end_cleanly(signal.SIGTERM, None)
        raise RuntimeError("Event loop stopped before Future completed.")

    monkeypatch.setattr(application, "read_settings", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().err == ""


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
    assert process.returncode in (0, ExitCode.SERVER_UNREACHABLE), said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [("api",), ("worker",), ("workspace", "create", "--name", "A")])
@pytest.mark.parametrize(
    "changed",
    [
        {"ACTIVATIONS_ENCRYPTION_KEYS": "k1:" + "b3Ro" * 10 + "b3Q="},
        {"ACTIVATIONS_TOKEN_PEPPER": "another-pepper-another-pepper-0000"},
    ],
    ids=["key", "pepper"],
)
def test_each_command_refuses_other_keys_than_those_of_the_database(
    run: Run,
    database_url: str,
    settings: Settings,
    command: tuple[str, ...],
    changed: dict[str, str],
) -> None:
    """One of several hosts has another key: it would store what the others cannot read."""
    asyncio.run(tenancy.check_keys(settings))
    code, said = run(*command, DATABASE_URL=database_url, **changed)
    assert code == 1
    assert "not the one of this database" in said
