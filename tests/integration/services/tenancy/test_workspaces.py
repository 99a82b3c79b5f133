"""Workspaces that the command line creates."""

from __future__ import annotations

import pytest

from app.core import clock
from app.core.errors import Conflict, Invalid
from app.services import tenancy
from app.services.platform.platform import Platform


async def create(platform: Platform, name: str, slug: str | None = None) -> tenancy.Bootstrap:
    async with platform.unit_of_work() as session:
        return await tenancy.create_workspace(
            session, keyring=platform.keyring, name=name, slug=slug, now=clock.now()
        )


async def test_a_workspace_has_a_space_and_a_token_of_its_own(platform: Platform) -> None:
    first, second = await create(platform, "Acme Ltd"), await create(platform, "Other")
    check = tenancy.Authenticator(platform.hot, platform.keyring, platform.settings.token_cache)
    assert first.token is not None
    caller = await check.check(first.token)
    assert caller is not None
    assert caller.workspace_id == first.workspace_id
    async with platform.unit_of_work() as session:
        listed = await tenancy.list_workspaces(session)
        assert [(row.id, row.slug) for row in listed] == [
            (first.workspace_id, "acme-ltd"),
            (second.workspace_id, "other"),
        ]
        assert (
            await tenancy.get_space(session, first.workspace_id, first.space_id)
        ).name == "Default"


async def test_a_slug_is_used_once_and_has_its_form(platform: Platform) -> None:
    await create(platform, "Acme")
    with pytest.raises(Conflict, match="slug 'acme'"):
        await create(platform, "Acme")
    with pytest.raises(Invalid):
        await create(platform, "Acme", "No Slug")
    with pytest.raises(Invalid):
        await create(platform, " ")
