"""Bodies of operations on spaces."""

from __future__ import annotations

from typing import Annotated

from app.contract.envelope import Output, PaginationOutput
from app.contract.extensions.base import Name, StrictInput
from app.contract.fields import SpaceId
from app.core.described import about


class Space(Output):
    """A space."""

    id: SpaceId
    slug: Annotated[
        str,
        about(
            "Short name of the space, unique in the workspace: lowercase letters, digits and hyphens.",
            "shop",
        ),
    ]
    name: Annotated[str, about("Name of the space.", "Shop")]


class ListSpacesAlphaOutput(Output):
    """A page of the spaces of the token's workspace."""

    spaces: Annotated[list[Space], about("The spaces of this page, oldest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class GetSpaceAlphaOutput(Output):
    """One space."""

    space: Annotated[Space, about("The space.")]


class CreateSpaceInput(StrictInput):
    """A new space. Without a slug, the slug is derived from the name."""

    name: Annotated[Name, about("Name of the space, 1 to 255 characters.", "Shop")]
    slug: Annotated[
        Name | None,
        about(
            "Short name, unique in the workspace. By default it is derived from the name.", "shop"
        ),
    ] = None
