"""Encryption of stored secrets: AES-256-GCM with a ring of keys (R38).

A stored value is ``v1|kid|nonce (12 bytes)|ciphertext``. Its associated data is ``workspace|table|row|column|kid``,
so a value that is copied to another row or tenant cannot be decrypted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.config import Settings

_VERSION = b"v1"
_NONCE = 12


class KeyringError(Exception):
    """A key is missing or malformed, or a stored value cannot be decrypted."""


@dataclass(frozen=True, slots=True)
class Binding:
    """The row and column that a stored value belongs to. It can be decrypted only with an equal binding."""

    workspace_id: str
    table: str
    row: str
    column: str

    def associated_data(self, kid: str) -> bytes:
        """Return the associated data: ``workspace|table|row|column|kid``."""
        return "|".join((self.workspace_id, self.table, self.row, self.column, kid)).encode()


class Keyring:
    """The encryption keys, and the pepper of API tokens. The first key encrypts, every key decrypts."""

    def __init__(self, keys: Mapping[str, bytes], pepper: bytes) -> None:
        if not keys:
            raise KeyringError("ACTIVATIONS_ENCRYPTION_KEYS is not set")
        for kid, key in keys.items():
            if len(key) != 32:
                raise KeyringError(f"the encryption key {kid!r} is not 32 bytes long")
        self._keys = {kid: AESGCM(key) for kid, key in keys.items()}
        self.current = next(iter(keys))
        self._pepper = pepper

    @classmethod
    def from_settings(cls, settings: Settings) -> Keyring:
        """Read the keys, ``kid:base64`` pairs separated by commas, and the pepper.

        Raises KeyringError if either setting is missing or a key is malformed.
        """
        if settings.encryption_keys is None or settings.token_pepper is None:
            raise KeyringError(
                "ACTIVATIONS_ENCRYPTION_KEYS and ACTIVATIONS_TOKEN_PEPPER must be set; "
                "`activations up` creates both on its first start, in the folder keys/ of its data folder."
            )
        keys: dict[str, bytes] = {}
        for item in settings.encryption_keys.get_secret_value().split(","):
            kid, separator, text = item.strip().partition(":")
            if not separator or not kid or "|" in kid:
                raise KeyringError("an encryption key is written as name:base64")
            try:
                keys[kid] = base64.b64decode(text, validate=True)
            except binascii.Error:
                raise KeyringError(f"the encryption key {kid!r} is not base64") from None
        return cls(keys, settings.token_pepper.get_secret_value().encode())

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Names of all keys, the encrypting one first."""
        return tuple(self._keys)

    def encrypt(self, plaintext: bytes, binding: Binding) -> bytes:
        """Encrypt with the first key."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._keys[self.current].encrypt(
            nonce, plaintext, binding.associated_data(self.current)
        )
        return b"|".join((_VERSION, self.current.encode(), nonce + sealed))

    def decrypt(self, blob: bytes, binding: Binding) -> bytes:
        """Decrypt. Raises KeyringError if the key is unknown or the binding differs."""
        version, _, rest = blob.partition(b"|")
        kid_bytes, _, sealed = rest.partition(b"|")
        kid = kid_bytes.decode(errors="replace")
        if version != _VERSION or kid not in self._keys:
            raise KeyringError(f"no encryption key {kid!r} to decrypt a secret with")
        try:
            return self._keys[kid].decrypt(
                sealed[:_NONCE], sealed[_NONCE:], binding.associated_data(kid)
            )
        except InvalidTag:
            raise KeyringError(
                "a secret cannot be decrypted: wrong key, or copied from another row"
            ) from None

    def token_hash(self, secret: str) -> bytes:
        """Return the HMAC-SHA256 of a token's secret with the pepper (R32)."""
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).digest()

    def sign(self, purpose: str, message: bytes) -> bytes:
        """Return the HMAC-SHA256 with the pepper. A signature for one purpose is not valid for another."""
        return hmac.new(self._pepper, purpose.encode() + b"\0" + message, hashlib.sha256).digest()

    @staticmethod
    def key_of(blob: bytes) -> str:
        """Return the name of the key that a stored value was encrypted with."""
        return blob.split(b"|", 2)[1].decode(errors="replace")
