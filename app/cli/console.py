"""The command ``console``: a one-time link that signs in to the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from app.cli.environment import platform_runner
from app.cli.options import DataOption, WorkspaceOption

if TYPE_CHECKING:
    from app.core.config import Settings
    from app.services.platform import Platform

DEFAULT_URL = "http://127.0.0.1:8000"


def console(
    url: Annotated[
        str | None,
        typer.Option(
            help="The address of the API. Default: ACTIVATIONS_PUBLIC_URL, else that of `activations up` on the data folder."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    data: DataOption = None,
) -> None:
    """Print a link to the console that signs in once, within 15 minutes, for 12 hours."""
    from app.core import clock
    from app.services import tenancy

    async def create(platform: Platform) -> str:
        workspace_id = (
            workspace or (await tenancy.bootstrap_service(platform.settings)).workspace_id
        )
        async with platform.unit_of_work() as session:
            return await tenancy.create_console_link(
                session, keyring=platform.keyring, workspace_id=workspace_id, now=clock.now()
            )

    with platform_runner(data) as (runner, platform):
        link = runner.run(create(platform))
        base = (url or _address(platform.settings)).rstrip("/")
    print(f"{base}/console/sign-in?{urlencode({'link': link})}")


def _address(settings: Settings) -> str:
    """Return the address that users open: the public one, else the one that ``up`` wrote to the data folder."""
    from app.embedded.up import ADDRESS_FILE

    if settings.public_url:
        return settings.public_url
    try:
        return (settings.data_dir / ADDRESS_FILE).read_text().strip() or DEFAULT_URL
    except OSError:
        return DEFAULT_URL
