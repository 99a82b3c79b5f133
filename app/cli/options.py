"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="The data folder. Default: ACTIVATIONS_DATA_DIR, else ./activations-data."
    ),
]
HostOption = Annotated[str, typer.Option(help="The address to listen on.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="The port to listen on. 0 selects a free port.")
]
HealthPortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="The port of the worker's health endpoint. 0: none. Default: ACTIVATIONS_WORKER_HEALTH_PORT, else none.",
    ),
]
WorkspaceOption = Annotated[
    str | None, typer.Option(help="The id of the workspace. Default: the first workspace.")
]
ChildOption = Annotated[bool, typer.Option("--child", hidden=True)]
