"""The commands for API tokens: ``token create``, ``token list`` and ``token revoke``."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.environment import platform_runner, read_database
from app.cli.options import DataOption, WorkspaceOption

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.services.platform import Platform

tokens = typer.Typer(help="Manage API tokens.", no_args_is_help=True)

LISTED_FIELDS = (
    "id",
    "name",
    "scopes",
    "created_at",
    "expires_at",
    "last_used_at",
    "revoked_at",
)


async def _workspace_id(platform: Platform, given: str | None) -> str:
    from app.services.tenancy import bootstrap_service

    return given or (await bootstrap_service(platform.settings)).workspace_id


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Option(help="A name that says what the token is for.")],
    scopes: Annotated[
        str, typer.Option(help="The scopes, separated by commas: read, write, operator.")
    ] = "read,write",
    days: Annotated[
        int | None,
        typer.Option(min=1, help="The days until the token expires. Default: it does not expire."),
    ] = None,
    workspace: WorkspaceOption = None,
    data: DataOption = None,
) -> None:
    """Create a token and print it. It cannot be shown again."""
    from app.core import clock
    from app.services import tenancy

    async def create(platform: Platform) -> str:
        workspace_id = await _workspace_id(platform, workspace)
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

    with platform_runner(data) as (runner, platform):
        print(runner.run(create(platform)))


@tokens.command("list")
def list_tokens(workspace: WorkspaceOption = None, data: DataOption = None) -> None:
    """Print all tokens of a workspace without their secrets, one JSON line each."""
    from app.core.errors import NotFound
    from app.services import tenancy

    async def lines(session: AsyncSession) -> list[str]:
        known = [one.id for one in await tenancy.list_workspaces(session)]
        if workspace is not None and workspace not in known:
            raise NotFound(
                f"There is no workspace {workspace}; `activations workspace list` prints all."
            )
        return [
            json.dumps({field: getattr(token, field) for field in LISTED_FIELDS}, default=str)
            for chosen in ([workspace] if workspace else known[:1])
            for token in await tenancy.list_tokens(session, chosen)
        ]

    for line in read_database(data, lines):
        print(line)


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[
        str,
        typer.Argument(help="The id of the token: the 12 characters after aact_live_."),
    ],
    workspace: WorkspaceOption = None,
    data: DataOption = None,
) -> None:
    """Revoke a token."""
    from app.core import clock
    from app.services import tenancy

    async def revoke(platform: Platform) -> None:
        workspace_id = await _workspace_id(platform, workspace)
        async with platform.unit_of_work() as session:
            await tenancy.revoke_token(session, workspace_id, token_id, now=clock.now())

    with platform_runner(data) as (runner, platform):
        runner.run(revoke(platform))
