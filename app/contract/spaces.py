"""Bodies of operations on spaces."""

from __future__ import annotations

from app.contract.envelope import Input, Name, Output, PaginationOutput


class Space(Output):
    """A space."""

    id: str
    slug: str
    name: str


class ListSpacesAlphaOutput(Output):
    """A page of the spaces of the token's workspace."""

    spaces: list[Space]
    pagination: PaginationOutput


class GetSpaceAlphaOutput(Output):
    """One space."""

    space: Space


class CreateSpaceInput(Input):
    """A new space. Without a slug, the slug is derived from the name."""

    name: Name
    slug: Name | None = None
