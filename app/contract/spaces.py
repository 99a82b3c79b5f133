"""Spaces on the wire."""

from __future__ import annotations

from app.contract.envelope import Input, Name, Output, PaginationOutput


class Space(Output):
    """A space."""

    id: str
    slug: str
    name: str


class ListSpacesAlphaOutput(Output):
    """Spaces of the token's workspace."""

    spaces: list[Space]
    pagination: PaginationOutput


class GetSpaceAlphaOutput(Output):
    """One space."""

    space: Space


class CreateSpaceInput(Input):
    """A new space; its slug is made from the name where none is given."""

    name: Name
    slug: Name | None = None
