"""The environment and the command line of a child process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import app
from app.core.config import Settings


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """Return the environment variables for a child: those of this process, with the given settings.

    Returns ``{variable: value}``. The server URLs, the keys, the storage and the data folder come from ``settings``;
    ``more`` is added last.
    """
    environment = os.environ.copy()  # noqa: TID251 - passed on to a child, nothing is read here
    secret = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "ACTIVATIONS_ENCRYPTION_KEYS": settings.encryption_keys,
        "ACTIVATIONS_TOKEN_PEPPER": settings.token_pepper,
    }
    for name, value in secret.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value.get_secret_value()
    package_root = str(Path(app.__file__).parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, (package_root, environment.get("PYTHONPATH")))
    )
    environment["STORAGE_URL"] = settings.storage
    environment["ACTIVATIONS_DATA_DIR"] = str(settings.data_dir.absolute())
    return environment | more


def command_line(*arguments: str) -> list[str]:
    """Return the command that runs the command line in a child.

    ``-P`` keeps a folder named ``app`` in the working folder from hiding this package.
    """
    return [sys.executable, "-P", "-m", "app.cli", *arguments]
