"""The command line: ``activations up`` for everything at once, and its parts alone for several hosts.

Exit codes: 0 all went well · 1 an unforeseen error · 2 wrong arguments · 3 the port is in use · 4 the data folder is
of another version of PostgreSQL · 5 the disk is full · 6 a folder cannot be used · 7 the embedded servers cannot be
started · 8 the configured database does not answer · 9 the service did not get ready.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from app.core.config import Settings
from app.core.crypto import KeyringError
from app.core.errors import AppError
from app.core.logging import configure_logging
from app.embedded.errors import StartError

if TYPE_CHECKING:
    from app.services.platform import Platform

application = typer.Typer(
    name="activations",
    help="Self-hosted audience activation.",
    epilog="Exit codes: 3 port in use, 4 data of another version, 5 disk full, 6 folder not usable, "
    "7 servers cannot start, 8 database does not answer, 9 not ready.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tokens = typer.Typer(help="API tokens.", no_args_is_help=True)
application.add_typer(tokens, name="token")
keys = typer.Typer(help="Encryption keys.", no_args_is_help=True)
application.add_typer(keys, name="keys")

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="The data folder. [default: ACTIVATIONS_DATA_DIR or ./activations-data]"
    ),
]
HostOption = Annotated[str, typer.Option(help="The address to listen on.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")
]
WorkspaceOption = Annotated[
    str | None, typer.Option(help="The workspace's id. [default: the first one]")
]
ChildOption = Annotated[bool, typer.Option("--child", hidden=True)]

EXPORTED = Path("openapi")
DEADLINE_OF_SHUTDOWN = 30  # seconds that a lone API gives to requests under way
DEADLINE_UNDER_UP = 3


def _settings(data: Path | None) -> Settings:
    settings = Settings() if data is None else Settings(data_dir=data)
    configure_logging(settings)
    return settings


@application.callback()
def begin() -> None:
    """Self-hosted audience activation."""
    # First of all, so that even a failing import is logged in the form of all other lines.
    _settings(None)


@contextmanager
def _complete_settings(data: Path | None) -> Iterator[Settings]:
    """Settings with servers and keys: those of the environment, else those of the data folder."""
    from app.embedded.connections import with_servers
    from app.embedded.data_folder import with_data_dir
    from app.embedded.keys import with_keys

    settings = with_data_dir(_settings(data))
    settings = with_keys(settings, make=settings.database_url is None)
    if settings.encryption_keys is None or settings.token_pepper is None:
        raise StartError(
            "ACTIVATIONS_ENCRYPTION_KEYS and ACTIVATIONS_TOKEN_PEPPER are not set, and the data folder has no keys. "
            "All hosts on one database need the same: those that `activations up` made are in DIR/keys."
        )
    configure_logging(settings)
    with with_servers(settings) as (complete, _):
        yield complete


def _end_with_parent() -> None:
    """Where the system has no death signal, the end of standard input tells that the parent is gone."""

    def watch() -> None:
        # Not through sys.stdin, whose lock would be held when the interpreter ends.
        while os.read(0, 1024):
            pass
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@application.command()
def up(
    data: DataOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
) -> None:
    """Start everything: PostgreSQL and Redis (unless DATABASE_URL is set), API and worker.

    Prints one JSON line when ready. The first start makes a workspace, a space and a token (DIR/token).
    """
    from app.embedded.up import run_up

    run_up(_settings(data), host, port)


@application.command()
def api(
    data: DataOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    descriptor: Annotated[int | None, typer.Option(hidden=True)] = None,
    child: ChildOption = False,
) -> None:
    """Run the API alone."""
    from app.embedded.connections import listen
    from app.embedded.http_server import fast_loop, make_server
    from app.main import create_app

    if child:
        _end_with_parent()
    listener = socket.socket(fileno=descriptor) if descriptor is not None else listen(host, port)
    with listener, _complete_settings(data) as settings:
        patience = DEADLINE_UNDER_UP if child else DEADLINE_OF_SHUTDOWN
        server = make_server(create_app(settings), shutdown_seconds=patience)
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(server.serve(sockets=[listener]))
    if not server.started:
        raise typer.Exit(1)


@application.command()
def worker(data: DataOption = None, child: ChildOption = False) -> None:
    """Run one worker and the sweep alone."""
    from app.embedded.http_server import fast_loop
    from workers.settings import run_worker

    if child:
        _end_with_parent()

    async def work(settings: Settings) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask_to_stop(number: signal.Signals) -> None:
            stop.set()
            loop.remove_signal_handler(number)  # a second one ends us at once

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ask_to_stop, number)
        await run_worker(settings, stop=stop)

    with _complete_settings(data) as settings, asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(work(settings))


@application.command()
def migrate(data: DataOption = None) -> None:
    """Bring the database to the newest revision."""
    from app.embedded.connections import check_database
    from app.storage.migrate import upgrade

    with _complete_settings(data) as settings:
        check_database(settings)
        if settings.database_url is not None:
            upgrade(settings.database_url.get_secret_value())


@contextmanager
def _platform_runner(data: Path | None) -> Iterator[tuple[asyncio.Runner, Platform]]:
    from app.embedded.connections import check_database
    from app.services.platform import open_platform
    from app.storage.migrate import upgrade

    with _complete_settings(data) as settings:
        check_database(settings)
        if settings.database_url is not None:
            upgrade(settings.database_url.get_secret_value())
        with asyncio.Runner() as runner:
            platform = runner.run(open_platform(settings))
            try:
                yield runner, platform
            finally:
                runner.run(platform.close())


async def _workspace(platform: Platform, given: str | None) -> str:
    from app.services.tenancy import bootstrap_service

    return given or (await bootstrap_service(platform.settings)).workspace_id


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Option(help="What it is for.")],
    scopes: Annotated[str, typer.Option(help="Comma-separated: read, write.")] = "read,write",
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires. [default: never]")
    ] = None,
    workspace: WorkspaceOption = None,
    data: DataOption = None,
) -> None:
    """Make a token and print it. It is shown this once."""
    from app.core import clock
    from app.services import tenancy

    async def create(platform: Platform) -> str:
        workspace_id = await _workspace(platform, workspace)
        async with platform.unit_of_work() as session:
            _, text = await tenancy.create_token(
                session,
                keyring=platform.keyring,
                workspace_id=workspace_id,
                name=name,
                scopes=[scope.strip() for scope in scopes.split(",")],
                expires_at=clock.now() + timedelta(days=days) if days else None,
                now=clock.now(),
            )
        return text

    with _platform_runner(data) as (runner, platform):
        print(runner.run(create(platform)))


@tokens.command("list")
def list_tokens(workspace: WorkspaceOption = None, data: DataOption = None) -> None:
    """Print all tokens, one JSON line each, without their secrets."""
    from app.services import tenancy

    async def lines(platform: Platform) -> list[str]:
        workspace_id = await _workspace(platform, workspace)
        async with platform.unit_of_work() as session:
            fields = (
                "id",
                "name",
                "scopes",
                "created_at",
                "expires_at",
                "last_used_at",
                "revoked_at",
            )
            return [
                json.dumps({field: getattr(token, field) for field in fields}, default=str)
                for token in await tenancy.list_tokens(session, workspace_id)
            ]

    with _platform_runner(data) as (runner, platform):
        for line in runner.run(lines(platform)):
            print(line)


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="The 12 characters after aact_live_.")],
    workspace: WorkspaceOption = None,
    data: DataOption = None,
) -> None:
    """End a token."""
    from app.core import clock
    from app.services import tenancy

    async def revoke(platform: Platform) -> None:
        workspace_id = await _workspace(platform, workspace)
        async with platform.unit_of_work() as session:
            await tenancy.revoke_token(session, workspace_id, token_id, now=clock.now())

    with _platform_runner(data) as (runner, platform):
        runner.run(revoke(platform))


@keys.command("rotate")
def rotate_keys(data: DataOption = None) -> None:
    """Write all settings under the first encryption key; the service may run meanwhile.

    Prints one JSON line: what was written anew, how many settings are left under each key, and which could not be read.
    """
    from app.services import tenancy

    with _platform_runner(data) as (runner, platform):
        done = runner.run(tenancy.rotate_keys(platform))
    print(json.dumps({"written": done.written, "left": done.left, "unreadable": done.unreadable}))
    if done.unreadable:
        raise typer.Exit(1)


@application.command("export-openapi")
def export_openapi(
    output: Annotated[Path, typer.Option(help="The folder to write to.")] = EXPORTED,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a file differs.")
    ] = False,
) -> None:
    """Write the OpenAPI documents: Segment's operations alone, and everything."""
    from app.main import openapi_documents

    for name, document in openapi_documents(Settings()).items():
        path = output / name
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if not check:
            output.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(
                f"activations: {path} is not what the code says; run `make spec`.", file=sys.stderr
            )
            raise typer.Exit(1)


@application.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def sandbox(context: typer.Context) -> None:
    """Emulate the partners' APIs (`activations sandbox --help`)."""
    from app.sandbox.__main__ import main as run_sandbox

    run_sandbox(context.args)


@application.command()
def demo(
    days: Annotated[int, typer.Option(help="How many days to replay, from March 4, 2017 on.")] = 28,
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave the service up afterwards, until Ctrl-C.")
    ] = False,
    destination: Annotated[
        str,
        typer.Option(
            help="Where to send: webhook, klaviyo, braze or talon-one (each with CSV files), or files."
        ),
    ] = "webhook",
) -> None:
    """Replay real purchases: four audiences in SQL, computed, delivered and compared day by day."""
    from app.demo.command import run_demo
    from app.demo.errors import DemoFailed

    try:
        code = run_demo(days, stay=stay, destination=destination)
    except DemoFailed as error:
        print(f"activations: {error}", file=sys.stderr)
        code = error.exit_code
    raise typer.Exit(code)


def main() -> None:
    """The entry point."""
    try:
        application()
    except StartError as error:
        print(f"activations: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            print(
                f"activations: setting {'.'.join(map(str, fault['loc']))}: {fault['msg']}",
                file=sys.stderr,
            )
        sys.exit(2)
    except (AppError, KeyringError) as error:
        print(f"activations: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
