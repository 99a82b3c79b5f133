"""Secrets at rest: AES-256-GCM under a ring of keys, bound to the place where the ciphertext stands (R38).

A ciphertext is ``v1|kid|nonce(12 bytes)|ct``; its associated data is ``workspace|table|row|column|kid``, so that one
that is moved to another row or tenant does not open.
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
    """A key is missing or malformed, or a ciphertext does not open."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ciphertext stands."""

    workspace_id: str
    table: str
    row: str
    column: str

    def associated_data(self, kid: str) -> bytes:
        """What the ciphertext is bound to."""
        return "|".join((self.workspace_id, self.table, self.row, self.column, kid)).encode()


class Keyring:
    """The first key writes, all read. Also holds the pepper of the tokens."""

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
        """Read ``kid:base64`` pairs, comma-separated; KeyringError says what is wrong with them."""
        if settings.encryption_keys is None or settings.token_pepper is None:
            raise KeyringError(
                "ACTIVATIONS_ENCRYPTION_KEYS and ACTIVATIONS_TOKEN_PEPPER must be set; "
                "`activations up` makes both on its first start, in the folder keys/ of its data."
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
        """All keys by name, the writing one first."""
        return tuple(self._keys)

    def encrypt(self, plaintext: bytes, place: Place) -> bytes:
        """Seal under the writing key."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._keys[self.current].encrypt(
            nonce, plaintext, place.associated_data(self.current)
        )
        return b"|".join((_VERSION, self.current.encode(), nonce + sealed))

    def decrypt(self, blob: bytes, place: Place) -> bytes:
        """Open; KeyringError where the key is unknown or the place is another."""
        version, _, rest = blob.partition(b"|")
        kid_bytes, _, sealed = rest.partition(b"|")
        kid = kid_bytes.decode(errors="replace")
        if version != _VERSION or kid not in self._keys:
            raise KeyringError(f"no key {kid!r} to open this with")
        try:
            return self._keys[kid].decrypt(
                sealed[:_NONCE], sealed[_NONCE:], place.associated_data(kid)
            )
        except InvalidTag:
            raise KeyringError(
                "a secret does not open: wrong key, or moved from its place"
            ) from None

    def token_hash(self, secret: str) -> bytes:
        """HMAC-SHA256 of a token's secret under the pepper (R32)."""
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).digest()

    def sign(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA256 under the pepper; what is signed for one purpose is worth nothing for another."""
        return hmac.new(self._pepper, purpose.encode() + b"\0" + message, hashlib.sha256).digest()

    @staticmethod
    def key_of(blob: bytes) -> str:
        """Under which key a ciphertext stands."""
        return blob.split(b"|", 2)[1].decode(errors="replace")
