"""Settings on their way to a child process: the one place that hands an environment on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import app
from app.core.config import Settings


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """Our own environment, with what was found out since: servers, folder and keys."""
    environment = os.environ.copy()  # noqa: TID251 - handed on whole to a child, nothing is read
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
    """A command of ours for a child. ``-P``: a folder `app` in the working folder must not come before ours."""
    return [sys.executable, "-P", "-m", "app.cli", *arguments]
