"""The command for encryption keys: ``keys rotate``."""

from __future__ import annotations

import json

import typer

from app.cli.environment import platform_runner
from app.cli.options import DataOption

keys = typer.Typer(help="Manage encryption keys.", no_args_is_help=True)


@keys.command("rotate")
def rotate_keys(data: DataOption = None) -> None:
    """Re-encrypt stored settings with the first key. Safe while the service is running.

    Prints one JSON line: the number of re-encrypted settings, the number of settings that remain under each key, and
    the settings that cannot be read. Exit code 1 means that some settings cannot be read.
    """
    from app.services import tenancy

    with platform_runner(data) as (runner, platform):
        done = runner.run(tenancy.rotate_keys(platform))
    print(json.dumps({"written": done.written, "left": done.left, "unreadable": done.unreadable}))
    if done.unreadable:
        raise typer.Exit(1)
