"""The keys of an installation that sets none: made once in the data folder, readable by their owner only."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from pydantic import SecretStr

from app.core.config import Settings
from app.embedded.errors import FolderNotUsable
from app.embedded.places import clear_folder_errors, write_whole

ENCRYPTION_KEYS = "encryption_keys"
TOKEN_PEPPER = "token_pepper"  # noqa: S105 - a file's name


def with_keys(settings: Settings, *, make: bool) -> Settings:
    """The settings with both keys: those set, else those of the data folder, else (with `make`) new ones.

    Keys that are neither set nor there stay unset without `make`. Raises ``FolderNotUsable`` or ``DiskFull``.
    """
    folder = settings.data_dir / "keys"
    with clear_folder_errors(folder):
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
        raise FolderNotUsable(f"{file} holds a key and others may read it. Give it the mode 0600.")
    return SecretStr(file.read_text(encoding="ascii").strip())


def _make_once(file: Path, text: str) -> None:
    """Of two programs that start at once, the first one's key stays: a link is made only where there is none."""
    own = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    write_whole(own, text + "\n")
    try:
        file.hardlink_to(own)
    except FileExistsError:
        pass
    finally:
        own.unlink()
