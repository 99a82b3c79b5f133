"""The generated keys of an installation that configures none: files in the data folder, readable by their owner only."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from pydantic import SecretStr

from app.core.config import Settings
from app.core.durable import sync_folder
from app.embedded.errors import FolderNotUsable
from app.embedded.folders import explain_folder_errors, write_atomically

ENCRYPTION_KEYS = "encryption_keys"
TOKEN_PEPPER = "token_pepper"  # noqa: S105 - a file's name


def with_keys(settings: Settings, *, make: bool) -> Settings:
    """Return the settings with both keys: the configured ones, else those of the data folder.

    With ``make``, missing keys are generated in the data folder; without it, they stay None. Raises FolderNotUsable
    or DiskFull.
    """
    folder = settings.data_dir / "keys"
    with explain_folder_errors(folder):
        if make and not (settings.encryption_keys and settings.token_pepper):
            folder.mkdir(mode=0o700, exist_ok=True)
        return settings.model_copy(
            update={
                ENCRYPTION_KEYS: settings.encryption_keys
                or _key(folder / ENCRYPTION_KEYS, _new_encryption_key() if make else None),
                TOKEN_PEPPER: settings.token_pepper
                or _key(folder / TOKEN_PEPPER, secrets.token_urlsafe(32) if make else None),
            }
        )


def _new_encryption_key() -> str:
    return "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()


def _key(file: Path, fresh: str | None) -> SecretStr | None:
    if not file.exists():
        if fresh is None:
            return None
        _make_once(file, fresh)
    if file.stat().st_mode & 0o077:
        raise FolderNotUsable(
            f"{file} contains a key, and other users may read it. Change its mode to 0600."
        )
    return SecretStr(file.read_text(encoding="ascii").strip())


def _make_once(file: Path, text: str) -> None:
    """Create a key file if there is none. If two programs start at once, both use the key that is linked first."""
    own = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    write_atomically(own, text + "\n")
    try:
        file.hardlink_to(own)
        sync_folder(file.parent)  # before anything is encrypted with the key
    except FileExistsError:
        pass
    finally:
        own.unlink()
