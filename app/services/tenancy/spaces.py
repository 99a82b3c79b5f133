"""Spaces: creating, listing and reading them."""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest
from app.domain.names import require_name
from app.domain.slugs import slug_of
from app.services.tenancy import audit
from app.storage.models import Space
from app.storage.repositories.spaces import SpaceRepository, workspace_of

__all__ = ["create_space", "get_space", "page_spaces", "workspace_of"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_SLUG = 63


async def create_space(
    session: AsyncSession, *, workspace_id: str, name: str, slug: str | None = None, actor: str
) -> Space:
    """Create a space; without a slug, the name gives one. Raises Invalid for a blank name or a slug of another form, Conflict for one in use."""
    require_name(name)
    slug = checked_slug(name, slug)
    space = Space(id=new_id("spa"), workspace_id=workspace_id, slug=slug, name=name)
    await SpaceRepository(session).insert(space)
    await audit.record_event(
        session,
        workspace_id=workspace_id,
        space_id=space.id,
        type="Space Created",
        actor=actor,
        resource_type="space",
        resource_id=space.id,
        resource_name=name,
        after={"slug": slug, "name": name},
    )
    return space


def checked_slug(name: str, slug: str | None) -> str:
    """Return the slug, or one made from the name. Raises Invalid for a slug of another form."""
    slug = slug or slug_of(name, separator="-", limit=_MAX_SLUG, fallback="space")
    if len(slug) > _MAX_SLUG or not _SLUG.fullmatch(slug):
        raise Invalid(
            f'"slug": small letters, digits and single hyphens, at most {_MAX_SLUG}', field="slug"
        )
    return slug


async def get_space(session: AsyncSession, workspace_id: str, space_id: str) -> Space:
    """Read a space of a workspace. Raises NotFound."""
    return await SpaceRepository(session).require(workspace_id, space_id)


async def page_spaces(
    session: AsyncSession, workspace_id: str, request: PageRequest
) -> Page[Space]:
    """Return a page of the spaces of a workspace, oldest first."""
    return await SpaceRepository(session).page(workspace_id, request=request)
