"""Routes of workspaces, the tenants of an installation. They need the scope ``operator``."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import ApiRoute, CurrentToken, PlatformDep, SessionDep, answer, described
from app.api.extensions.operations import OPERATOR
from app.contract.extensions import tokens as contract
from app.core import clock
from app.services import tenancy

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/workspaces",
    **described(
        "listWorkspaces",
        output=contract.WorkspacesData,
        summary="List workspaces",
        scope=OPERATOR,
        tag="Operations",
    ),
)
async def list_workspaces(session: SessionDep) -> Response:
    """List the workspaces of the installation, oldest first. Needs the scope `operator`."""
    found = await tenancy.list_workspaces(session)
    return answer(
        contract.WorkspacesData(
            workspaces=[
                contract.WorkspaceOutput(
                    id=one.id, slug=one.slug, name=one.name, created_at=one.created_at
                )
                for one in found
            ]
        )
    )


@router.post(
    "/workspaces",
    **described(
        "createWorkspace",
        output=contract.CreatedWorkspaceData,
        summary="Create a workspace",
        errors=(409, 422),
        has_body=True,
        request_examples={"new": {"name": "Acme", "space": "Production"}},
        scope=OPERATOR,
        tag="Operations",
    ),
)
async def create_workspace(
    platform: PlatformDep,
    session: SessionDep,
    caller: CurrentToken,
    body: contract.CreateWorkspaceInput,
) -> Response:
    """Create a workspace with a space and a token, whose text is returned once. Needs the scope `operator`."""
    made = await tenancy.create_workspace(
        session,
        keyring=platform.keyring,
        name=body.name,
        slug=body.slug,
        space=body.space,
        actor=caller.actor,
        now=clock.now(),
    )
    return answer(
        contract.CreatedWorkspaceData(
            created=contract.CreatedWorkspaceOutput(
                workspace_id=made.workspace_id, space_id=made.space_id, token=made.token or ""
            )
        )
    )
