"""The first start of an installation."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.core.crypto import KeyringError
from app.services.tenancy.first_start import bootstrap_service, check_keys


async def test_only_the_first_start_shows_a_token(settings: Settings) -> None:
    first = await bootstrap_service(settings)
    again = await bootstrap_service(settings)
    assert first.token is not None
    assert first.token.startswith("aact_")
    assert (again.workspace_id, again.space_id) == (first.workspace_id, first.space_id)
    assert again.token is None


@pytest.mark.parametrize("name", ["k1", "k2"])
async def test_a_start_without_the_key_of_the_database_is_refused(
    settings: Settings, name: str
) -> None:
    await bootstrap_service(settings)
    other = SecretStr(f"{name}:" + "b3Ro" * 10 + "b3Q=")
    for start in (bootstrap_service, check_keys):
        with pytest.raises(KeyringError, match="this database"):
            await start(settings.model_copy(update={"encryption_keys": other}))


async def test_a_start_with_another_pepper_is_refused(settings: Settings) -> None:
    await bootstrap_service(settings)
    await check_keys(settings)
    other = settings.model_copy(update={"token_pepper": SecretStr("another-pepper-0000")})
    for start in (bootstrap_service, check_keys):
        with pytest.raises(KeyringError, match="ACTIVATIONS_TOKEN_PEPPER is not the one"):
            await start(other)
