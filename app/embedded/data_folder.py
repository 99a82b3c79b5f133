"""The data folder of a process, with its private subfolders."""

from __future__ import annotations

from app.core.config import Settings
from app.embedded.folders import explain_folder_errors, make_data_dir


def with_data_dir(settings: Settings) -> Settings:
    """Create the data folder if it is missing, and return the settings with its absolute path.

    Subfolders with members' data are private to their owner. The data folder itself is not always private, because
    the servers' account may have to enter it. Raises FolderNotUsable or DiskFull.
    """
    settings = settings.model_copy(update={"data_dir": make_data_dir(settings.data_dir)})
    private = [settings.data_dir / "objects"] if settings.storage_url is None else []
    if settings.cache_dir is None:
        private.append(settings.cache)
    for folder in private:
        with explain_folder_errors(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
    return settings
