from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.crypto import Binding, Keyring, KeyringError

KEYS = {"k1": bytes(range(32))}
BINDING = Binding("w", "destination", "d", "settings")
#: ``secret`` under ``k1``, written by version 1 of the format.
STORED = bytes.fromhex(
    "76317c6b317cc3b8f0e2532b87a850f7c2018c542d430852c6cdffac79324ed3ce08fe2a47e544d5"
)


def test_decrypts_what_is_stored() -> None:
    assert Keyring(KEYS, b"pepper").decrypt(STORED, BINDING) == b"secret"
    assert BINDING.associated_data("k1") == b"w|destination|d|settings|k1"


@pytest.mark.parametrize(
    "other",
    [
        replace(BINDING, workspace_id="w2"),
        replace(BINDING, table="dataset"),
        replace(BINDING, row="d2"),
        replace(BINDING, column="response"),
    ],
)
def test_refuses_another_binding(other: Binding) -> None:
    with pytest.raises(KeyringError, match="cannot be decrypted"):
        Keyring(KEYS, b"pepper").decrypt(STORED, other)


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    ring = Keyring({"k2": bytes(32), **KEYS}, b"pepper")
    assert Keyring.key_of(ring.encrypt(b"new", BINDING)) == "k2"
    assert ring.decrypt(STORED, BINDING) == b"secret"
