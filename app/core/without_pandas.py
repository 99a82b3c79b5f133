"""Hides pandas: where it is installed, pyarrow imports it (0.3 s) to look whether a list is one of its objects."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, name: str, *_: object) -> None:
        """Raise ModuleNotFoundError for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def hide_pandas() -> None:
    """Let this process believe that pandas is not installed."""
    sys.meta_path.insert(0, _WithoutPandas())
