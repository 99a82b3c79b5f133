"""The application ``activations``: its commands, and the exit codes of its errors."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app.cli import serving, tools
from app.cli.console import console
from app.cli.environment import read_settings
from app.cli.keys import keys
from app.cli.restored import restored
from app.cli.signals import was_asked_to_end
from app.cli.tokens import tokens
from app.cli.workspaces import workspaces
from app.core.crypto import KeyringError
from app.core.errors import AppError
from app.core.logging import get_logger
from app.core.sentences import sentence, validation_words
from app.core.version import VERSION
from app.embedded.errors import ExitCode, StartError, StoreUnusable
from app.embedded.surroundings import check_names

#: Commands that read or change a database, beside those that serve: these check the names of settings, too, but not in children.
READING = {"workspace", "token", "keys", "console", "migrate", "restored"}
LOGGED = {command.__name__ for command in (serving.up, serving.api, serving.worker)}

application = typer.Typer(
    name="activations",
    help="Self-hosted audience activation.",
    epilog="Exit codes: 3 port in use, 4 data of another PostgreSQL version, 5 disk full, 6 folder not usable, "
    "7 servers cannot start, 8 database not usable, 9 not ready, 10 object store not usable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.add_typer(workspaces, name="workspace")
application.add_typer(tokens, name="token")
application.add_typer(keys, name="keys")


def show_version(wanted: bool) -> None:
    """Print name and version, and end, if the option is given. Raises Exit."""
    if wanted:
        print(f"activations {VERSION}")
        raise typer.Exit


@application.callback()
def begin(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Run self-hosted audience activation."""
    # Runs before the command, so that a failing import is also logged in the format of the other lines.
    read_settings(None)
    if context.invoked_subcommand in READING:
        check_names()  # a misspelt DATABASE_URL would show, or change, another database
    if context.invoked_subcommand in LOGGED:
        get_logger("app.cli").info(
            "process_started",
            process=context.invoked_subcommand,
            version=VERSION,
            python=platform.python_version(),
        )


for _command in (serving.up, serving.api, serving.worker, serving.migrate):
    application.command()(_command)
application.command()(console)
application.command()(restored)
application.command("export-openapi")(tools.export_openapi)
application.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)(tools.sandbox)
application.command()(tools.demo)


def main() -> None:
    """Run the command line, and report errors with their exit codes."""
    try:
        application()
    except StartError as error:
        print(f"activations: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            print(f"activations: {_sentence(fault)}", file=sys.stderr)
        sys.exit(2)
    except (AppError, KeyringError) as error:
        print(f"activations: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if was_asked_to_end():
            sys.exit(0)
        away = _what_is_away(error)
        if away is None:
            raise
        print(f"activations: {away}", file=sys.stderr)
        sys.exit(int(away.exit_code))


def _what_is_away(error: Exception) -> StartError | None:
    """Name the server that went away while a command ran. Returns None for any other error."""
    from app.services.platform import server_away

    reason = " ".join(str(error).split()).partition(" [SQL:")[0].rstrip(".")
    match server_away(error):
        case "object store":
            return StoreUnusable(f"The object store became unavailable: {reason}.")
        case "database":
            sentence = f"The database of DATABASE_URL became unavailable: {reason}."
            return StartError(sentence, ExitCode.SERVER_UNREACHABLE)
        case _:
            return None


def _sentence(fault: Mapping[str, Any]) -> str:
    """Return what is wrong with a setting, named as the environment does."""
    field = ".".join(map(str, fault["loc"]))
    plain = field.upper() in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL") or field.isupper()
    name = field.upper() if plain else f"ACTIVATIONS_{field.upper()}"
    return sentence(f"the setting {name} cannot be used: {validation_words(fault)}")
