"""Rotation of encryption keys while the service delivers."""

from __future__ import annotations

import base64
from typing import Any

from app.core import clock
from app.core.config import Settings
from app.core.crypto import Keyring
from app.core.ids import new_hex_id
from app.services.accounts.account import open_account
from app.services.accounts.settings import seal_settings
from app.services.platform.platform import Platform, open_platform
from app.services.tenancy import key_rotation
from app.services.tenancy.idempotency import claim_key, keep_response
from app.storage.models import Destination, Space
from app.storage.repositories.spaces import SpaceRepository
from tests.flow import SECRET, Flow, installation, worker

NEW = "k2:" + base64.b64encode(b"n" * 32).decode()


def under(settings: Settings, *given: str) -> Settings:
    """Open the installation with other keys."""
    return settings.model_copy(
        update={"encryption_keys": type(settings.encryption_keys)(",".join(given))}  # type: ignore[misc]
    )


async def add_accounts(flow: Flow, count: int) -> None:
    async with flow.platform.unit_of_work() as session:
        space = await session.get(Space, flow.space_id)
        assert space is not None
        for number in range(count):
            id = new_hex_id()
            plain: dict[str, Any] = {"url": "https://example.com/in", "secret": SECRET}
            session.add(
                Destination(
                    space_id=flow.space_id,
                    id=id,
                    slug="webhook",
                    name=f"Hook {number}",
                    settings=seal_settings(flow.platform.keyring, space.workspace_id, id, plain),
                    created_by="test",
                    updated_by="test",
                )
            )


async def test_settings_move_to_the_first_key_and_the_old_one_can_go(
    settings: Settings, platform: Platform
) -> None:
    assert settings.encryption_keys is not None
    old = settings.encryption_keys.get_secret_value()
    async with installation(platform) as flow:
        await add_accounts(flow, 230)  # more than are taken at once
        both = await open_platform(under(settings, NEW, old))
        only_new = await open_platform(under(settings, NEW))
        try:
            # A process that has the new key in second place runs on, and reads what is written with it.
            follower = await open_platform(under(settings, old, NEW))
            try:
                async with worker(follower):
                    activation = await flow.activate(resync=True)
                    await flow.members(range(3))
                    await flow.quiet(activation)
                    done = await key_rotation.rotate_keys(both)
                    assert (done.written, done.unreadable) == (231, [])
                    assert done.left == {"k2": 231, "k1": 0}
                    await flow.members(range(1, 5))
                    await flow.quiet(activation)
                    assert flow.received(activation) == {f"p{i}" for i in range(1, 5)}
            finally:
                await follower.close()
            again = await key_rotation.rotate_keys(both)
            assert (again.written, again.left) == (0, {"k2": 231, "k1": 0})
            async with only_new.unit_of_work() as session:
                space = await session.get(Space, flow.space_id)
                destination = await session.get(Destination, (flow.space_id, flow.destination_id))
                assert space is not None
                assert destination is not None
                opened = open_account(only_new.keyring, space.workspace_id, destination)
                assert opened.definition.slug == "webhook"
                assert Keyring.key_of(destination.settings) == "k2"
        finally:
            await both.close()
            await only_new.close()


async def test_what_does_not_open_is_named_and_left(settings: Settings, platform: Platform) -> None:
    async with installation(platform) as flow:
        other = await open_platform(under(settings, NEW))
        try:
            done = await key_rotation.rotate_keys(other)
            assert (done.written, done.unreadable) == (0, [flow.destination_id])
            assert done.left == {"k2": 0, "k1": 1}
        finally:
            await other.close()


async def test_a_repeated_request_gets_its_response_after_the_old_key_has_gone(
    settings: Settings, platform: Platform
) -> None:
    assert settings.encryption_keys is not None
    old = settings.encryption_keys.get_secret_value()
    async with installation(platform) as flow:
        space = flow.space_id
        async with platform.unit_of_work() as session:
            workspace_id = await SpaceRepository(session).workspace_of(space)
        given: dict[str, Any] = {
            "workspace_id": workspace_id,
            "key": "order-4711",
            "request": "POST /spaces",
            "body": b"{}",
            "now": clock.now(),
        }
        async with platform.unit_of_work() as session:
            keep_response(
                session, keyring=platform.keyring, status=201, response=b"created", **given
            )
        both = await open_platform(under(settings, NEW, old))
        only_new = await open_platform(under(settings, NEW))
        try:
            done = await key_rotation.rotate_keys(both)
            assert done.left == {"k2": 2, "k1": 0}
            async with only_new.unit_of_work() as session:
                assert await claim_key(session, keyring=only_new.keyring, **given) == (
                    201,
                    b"created",
                )
        finally:
            await both.close()
            await only_new.close()
