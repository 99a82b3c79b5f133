"""The commands for workspaces: ``workspace create`` and ``workspace list``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.environment import platform_runner, read_database
from app.cli.options import DataOption

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.services.platform import Platform

workspaces = typer.Typer(
    help="Manage workspaces: the tenants of an installation.", no_args_is_help=True
)


@workspaces.command("create")
def create_workspace(
    name: Annotated[str, typer.Option(help="The name of the workspace.")],
    slug: Annotated[
        str | None,
        typer.Option(
            help="Its short name: small letters, digits, hyphens. Default: from the name."
        ),
    ] = None,
    space: Annotated[str, typer.Option(help="The name of its first space.")] = "Default",
    data: DataOption = None,
) -> None:
    """Create a workspace with a space and a token. Prints one JSON line; the token cannot be shown again."""
    from app.core import clock
    from app.services import tenancy

    async def create(platform: Platform) -> tenancy.Bootstrap:
        async with platform.unit_of_work() as session:
            return await tenancy.create_workspace(
                session,
                keyring=platform.keyring,
                name=name,
                slug=slug,
                space=space,
                now=clock.now(),
            )

    with platform_runner(data) as (runner, platform):
        made = runner.run(create(platform))
    print(
        json.dumps(
            {"workspaceId": made.workspace_id, "spaceId": made.space_id, "token": made.token}
        )
    )


@workspaces.command("list")
def list_workspaces(data: DataOption = None) -> None:
    """Print all workspaces, oldest first, one JSON line each."""
    from app.services import tenancy

    async def lines(session: AsyncSession) -> list[str]:
        rows = await tenancy.list_workspaces(session)
        fields = ("id", "slug", "name", "created_at")
        return [
            json.dumps({field: getattr(row, field) for field in fields}, default=str)
            for row in rows
        ]

    for line in read_database(data, lines):
        print(line)
