"""Opening an account: its settings are decrypted, and its secrets are known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.crypto import Keyring, KeyringError
from app.core.logging import _registry
from app.services.accounts.account import open_account, secrets_in
from app.services.accounts.settings import seal_settings
from app.storage.models import Destination

SIGNING = "whsec_" + "c2VjcmV0" * 4
SETTINGS = {
    "url": "https://hook.example/in",
    "secret": SIGNING,
    "headers": {"X-Api-Key": "key-in-a-header"},
}


@pytest.fixture
def keyring() -> Keyring:
    return Keyring({"k1": bytes(32)}, b"pepper")


def destination(keyring: Keyring) -> Destination:
    return Destination(
        space_id="spa",
        id="dst",
        slug="webhook",
        name="Hook",
        settings=seal_settings(keyring, "ws", "dst", SETTINGS),
        updated_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_opens_the_settings_with_their_connector_and_version(keyring: Keyring) -> None:
    account = open_account(keyring, "ws", destination(keyring))
    assert account.definition.slug == "webhook"
    assert account.settings.model_dump()["url"] == "https://hook.example/in"
    assert account.version == datetime(2026, 1, 2, tzinfo=UTC)
    assert set(account.secrets) >= {SIGNING}


def test_logs_mask_the_secrets_from_then_on(keyring: Keyring) -> None:
    open_account(keyring, "ws", destination(keyring))
    assert SIGNING not in _registry.mask(f"refused: {SIGNING}")


def test_settings_of_another_workspace_do_not_open(keyring: Keyring) -> None:
    with pytest.raises(KeyringError):
        open_account(keyring, "other", destination(keyring))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"token": SecretStr("typed"), "name": "plain"}, ["typed"]),
        ({"api_key": "named", "url": "plain"}, ["named"]),
        ({"headers": [{"Authorization": "nested"}, {"Accept": "plain"}]}, ["nested"]),
        ({"secrets": ["one", "two"], "numbers": [1, None]}, ["one", "two"]),
        ("text without a field", []),
    ],
)
def test_finds_secrets_by_their_type_or_the_name_of_their_field(
    value: Any, found: list[str]
) -> None:
    assert list(secrets_in(value)) == found
