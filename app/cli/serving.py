"""The commands that run the service: ``up``, ``api``, ``worker`` and ``migrate``."""

from __future__ import annotations

import asyncio
import atexit
import importlib
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.environment import complete_settings, read_settings, require_database
from app.cli.options import ChildOption, DataOption, HealthPortOption, HostOption, PortOption
from app.cli.signals import end_cleanly_when_asked
from app.core.allocation import share_arenas
from app.core.garbage import no_collections

if TYPE_CHECKING:
    from app.core.config import Settings

SHUTDOWN_SECONDS = 30  # for running requests of an API that runs alone
CHILD_SHUTDOWN_SECONDS = 3
PRELOADED = ("app.main", "app.embedded.http_server", "workers.settings")  # of API and worker


def _end_with_parent() -> None:
    """End this process when its standard input closes, for systems without a parent's death signal."""

    def watch() -> None:
        # Not through sys.stdin, because its lock would be held when the interpreter ends.
        while os.read(0, 1024):
            pass
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def up(
    data: DataOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
) -> None:
    """Start the whole service: PostgreSQL and Redis (unless DATABASE_URL is set), API and worker.

    Prints one JSON line when ready. The first start creates a workspace, a space and a token (DIR/token).
    """
    with no_collections():
        from app.embedded.up import Copies, run_up

    run_up(read_settings(data), host, port, Copies(_preload, _run_in_copy))


def _preload() -> None:
    """Import what API and worker need."""
    with no_collections():
        for module in PRELOADED:
            importlib.import_module(module)


def _run_in_copy(arguments: Sequence[str]) -> None:
    """Run a command in a forked copy of this process, as a new process would, and end the copy."""
    atexit._clear()  # what the other process would do at its end
    end_cleanly_when_asked()
    sys.argv[1:] = arguments
    try:
        runpy.run_module("app.cli", run_name="__main__")
    except SystemExit:
        pass
    except Exception:  # noqa: BLE001  whatever it was: the copy must not go on in the code of the other process
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()  # the last one ends the process


def api(
    data: DataOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    descriptor: Annotated[int | None, typer.Option(hidden=True)] = None,
    child: ChildOption = False,
) -> None:
    """Run only the API. Exit code 1 means that it did not start."""
    share_arenas()
    with no_collections():
        from app.embedded.connections import listen
        from app.embedded.http_server import fast_loop, make_server
        from app.embedded.surroundings import check_names
        from app.main import create_app

    if child:
        _end_with_parent()
    else:
        check_names()
        require_database(read_settings(data))
    listener = socket.socket(fileno=descriptor) if descriptor is not None else listen(host, port)
    with listener, complete_settings(data) as settings:
        _check(settings, child=child)
        seconds = CHILD_SHUTDOWN_SECONDS if child else SHUTDOWN_SECONDS
        server = make_server(
            create_app(settings),
            shutdown_seconds=seconds,
            trusted_proxies=settings.trusted_proxies,
        )
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(server.serve(sockets=[listener]))
    if not server.started:
        raise typer.Exit(1)


def worker(
    data: DataOption = None, health_port: HealthPortOption = None, child: ChildOption = False
) -> None:
    """Run only one worker, with its sweep."""
    share_arenas()
    from app.embedded.connections import listen
    from app.embedded.http_server import fast_loop
    from app.embedded.surroundings import check_names

    if child:
        _end_with_parent()
    else:
        check_names()
        require_database(read_settings(data))
    with complete_settings(data) as settings:
        _check(settings, child=child)
        port = settings.worker_health_port if health_port is None else health_port
        health = listen(settings.worker_health_host, port) if port else None
        with asyncio.Runner(loop_factory=fast_loop()) as runner, health or nullcontext():
            runner.run(_work(settings, health, is_child=child))


def _check(settings: Settings, *, child: bool) -> None:
    """Check what a process needs before it serves. `up` has checked most of it for its children."""
    from app.embedded.connections import check_migrated_database, named_files
    from app.embedded.surroundings import check_files, check_surroundings

    if not child:
        check_surroundings(settings)
    check_migrated_database(settings)
    if not child:
        from app.services.tenancy import check_keys

        asyncio.run(check_keys(settings))
        check_files(settings, named_files(settings))


async def _work(settings: Settings, health: socket.socket | None, *, is_child: bool) -> None:
    """Work until a signal asks to stop. A second one ends the process at once, except in a child of ``up``.

    A service manager (systemd) signals all processes of a service, and ``up`` then signals its children, too. ``up`` kills
    those that take too long.
    """
    with no_collections():
        from workers.settings import run_worker

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def request_stop(number: signal.Signals) -> None:
        stop.set()
        if not is_child:
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, request_stop, number)
    await run_worker(settings, stop=stop, health=health)


def migrate(data: DataOption = None) -> None:
    """Apply all migrations to the database."""
    from app.embedded.connections import migrate_database

    with complete_settings(data, files=False) as settings:
        migrate_database(settings)
