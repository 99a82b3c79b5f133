"""The data folder of a process: made where it is missing, with private folders inside."""

from __future__ import annotations

from app.core.config import Settings
from app.embedded.places import clear_folder_errors, make_data_dir


def with_data_dir(settings: Settings) -> Settings:
    """The settings with the absolute path of a data folder that is there and can be written.

    The folder itself may have to let the servers' account pass; what holds members' data is for its owner only.
    Raises ``FolderNotUsable`` or ``DiskFull``.
    """
    settings = settings.model_copy(update={"data_dir": make_data_dir(settings.data_dir)})
    private = [settings.data_dir / "objects"] if settings.storage_url is None else []
    if settings.cache_dir is None:
        private.append(settings.cache)
    for folder in private:
        with clear_folder_errors(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
    return settings
