"""The commands for developers and new users: ``export-openapi``, ``sandbox`` and ``demo``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.core.config import Settings
from app.core.garbage import no_collections

OPENAPI_FOLDER = Path("openapi")


def export_openapi(
    output: Annotated[Path, typer.Option(help="The folder to write to.")] = OPENAPI_FOLDER,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing. Fail if a file differs from the code."),
    ] = False,
) -> None:
    """Write the OpenAPI documents: one with Segment's operations only, and one with all operations.

    Exit code 1 of --check means that a file differs from the code.
    """
    from app.main import openapi_documents

    for name, document in openapi_documents(Settings()).items():
        path = output / name
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if not check:
            output.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"activations: {path} differs from the code; run `make spec`.", file=sys.stderr)
            raise typer.Exit(1)


def sandbox(context: typer.Context) -> None:
    """Run emulators of the partners' APIs (`activations sandbox --help`)."""
    from app.sandbox.__main__ import main as run_sandbox

    run_sandbox(context.args)


def demo(
    days: Annotated[
        int, typer.Option(help="The number of days to replay, starting on March 4, 2017.")
    ] = 28,
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep the service running afterwards, until Ctrl-C.")
    ] = False,
    destination: Annotated[
        str,
        typer.Option(
            help="Where to send: webhook, klaviyo, braze or talon-one (each also to CSV files), or files."
        ),
    ] = "webhook",
) -> None:
    """Replay real purchases: compute four SQL audiences, deliver them, and compare the lists day by day.

    Exit code 1 means that a list differs, or that the demo failed.
    """
    with no_collections():
        from app.demo.command import run_demo
        from app.demo.errors import DemoFailed

    try:
        code = run_demo(days, stay=stay, destination=destination)
    except DemoFailed as error:
        print(f"activations: {error}", file=sys.stderr)
        code = error.exit_code
    raise typer.Exit(code)
