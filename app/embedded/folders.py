"""The servers' folders: below the data folder, or below another folder if the servers' account cannot enter it."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.disk_reserve import is_full
from app.core.durable import sync_folder
from app.embedded.accounts import Account, owner_of, unprivileged_account
from app.embedded.errors import DiskFull, FolderNotUsable

DEFAULT_SERVER_DIR = Path("/var/lib/activations")
POINTER = (
    "servers-folder"  # file in the data folder: names the servers' folder if that is elsewhere
)
SHORT_FOLDERS = Path("/tmp")  # noqa: S108 - the subfolder has mode 0700, and its owner is checked
OWNER = "data-folder"  # file in the servers' folder: names the data folder that it belongs to
# Bytes. The path of a socket has at most 107 bytes (103 on macOS), including its file name.
LONGEST_SOCKET_FOLDER = 75
SAFE_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # paths that need no escapes in the servers' URLs


@dataclass(frozen=True)
class ServerFolders:
    """The folders of one pair of servers, and the account that they run as."""

    home: Path
    run: Path
    account: Account

    def remove_outside(self) -> None:
        """Remove the folder of the sockets if it is outside of the data folder and empty."""
        if not self.run.is_relative_to(self.home):
            with suppress(OSError):
                self.run.rmdir()

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "postgres"

    @property
    def redis_data(self) -> Path:
        """Redis's working folder; its files may be deleted."""
        return self.home / "redis"

    @property
    def logs(self) -> Path:
        """The folder of the servers' log files."""
        return self.home / "logs"

    @property
    def lock(self) -> Path:
        """The file that the guard and PostgreSQL keep locked while they run."""
        return self.home / "lock"

    @property
    def guard_socket(self) -> Path:
        """The socket on which other programs on this data folder join."""
        return self.run / "guard.sock"


@contextmanager
def explain_folder_errors(folder: Path) -> Iterator[None]:
    """Translate the system's errors about a folder into errors that say what to do.

    Raises DiskFull if the disk is full, and FolderNotUsable for any other OSError.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(f"The disk of {folder} is full.") from error
        raise FolderNotUsable(
            f"The folder {folder} cannot be used: {error.strerror or error}. "
            "Choose another folder, or change its permissions."
        ) from error


def make_data_dir(data_dir: Path) -> Path:
    """Create the data folder if it is missing. Returns its absolute path.

    The mode of an existing folder is not changed. Raises FolderNotUsable (for example after a PermissionError) or
    DiskFull.
    """
    data_dir = Path(os.path.realpath(data_dir))
    with explain_folder_errors(data_dir):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        try:
            data_dir.mkdir(mode=0o700)
        except FileExistsError:
            if not data_dir.is_dir():
                raise
        else:
            # If the service runs as root, the servers run as another account, which must enter its subfolder.
            data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not os.access(data_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return data_dir


def make_private_folder(folder: Path, account: Account) -> None:
    """Create a folder with mode 0700 for the account.

    Raises FolderNotUsable if the path exists and is not a folder of the account with mode 0700.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if status.st_uid == os.geteuid() != account.uid and stat.S_ISDIR(status.st_mode):
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid or status.st_mode & 0o077:
        raise FolderNotUsable(
            f"{folder} must be a folder of user id {account.uid} with mode 0700. Remove it and start again."
        )


def _short_name(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def has_servers(data_dir: Path) -> bool:
    """Return whether servers were started in a data folder. Creates nothing. Raises FolderNotUsable."""
    with explain_folder_errors(data_dir):
        return _existing_home(Path(os.path.realpath(data_dir))) is not None


def _existing_home(data_dir: Path) -> Path | None:
    pointer = data_dir / POINTER
    if not pointer.exists():
        home = data_dir / "servers"
        return home if home.is_dir() else None
    home = Path(pointer.read_text(encoding="utf-8").strip())
    if not home.is_dir():
        # A start with an empty database would look like a loss of all data.
        raise FolderNotUsable(
            f"{pointer} says that the servers' data is in {home}, but there is no such folder. "
            f"Restore the folder, or remove {pointer} to start with an empty database."
        )
    return home


def _refuse_copy(data_dir: Path, home: Path) -> None:
    """Refuse a copied data folder that names the servers' folder of the original. Raises FolderNotUsable.

    Both would use one database, each with files that the other one does not have.
    """
    if home.is_relative_to(data_dir):
        return
    owner = home / OWNER
    original = Path(owner.read_text(encoding="utf-8").strip()) if owner.exists() else data_dir
    if original != data_dir and _names(original, home) and not original.samefile(data_dir):
        raise FolderNotUsable(
            f"The folders {data_dir} and {original} both say that the servers' data is in {home}, so they would use one database. One "
            f"of them is a copy. If that is {data_dir}, copy {home} too, as its owner, and write the name of the copy into "
            f"{data_dir / POINTER}. If it is {original}, delete {original / POINTER}."
        )
    if original != data_dir or not owner.exists():
        write_atomically(owner, f"{data_dir}\n")


def _names(data_dir: Path, home: Path) -> bool:
    """Return whether a data folder says that its servers' folder is ``home``."""
    try:
        return Path((data_dir / POINTER).read_text(encoding="utf-8").strip()) == home
    except OSError:
        return False


def _new_home(data_dir: Path, server_dir: Path | None, account: Account) -> Path:
    if account.can("-x", data_dir):
        return data_dir / "servers"
    base = Path(os.path.realpath(server_dir or DEFAULT_SERVER_DIR))
    with explain_folder_errors(base):
        make_passable_folder(base)
        if not account.can("-x", base):
            raise FolderNotUsable(
                f"The servers run as user id {account.uid}, which can enter neither {data_dir} nor {base}. "
                "Set ACTIVATIONS_SERVER_DIR to a folder that it can enter."
            )
        home = base / _short_name(data_dir)
        make_private_folder(home, account)
        write_atomically(data_dir / POINTER, f"{home}\n")
    return home


def make_passable_folder(folder: Path) -> None:
    """Create a folder that all accounts may enter. The mode of an existing folder is not changed."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file so that readers find it complete or not at all, also after a power failure."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _socket_folder(home: Path, account: Account) -> Path:
    folder = home / "run"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER and SAFE_PATH.fullmatch(str(folder)):
        return folder
    return SHORT_FOLDERS / f"activations-{_short_name(home)}-{account.uid}"


def find_folders(data_dir: Path, server_dir: Path | None) -> ServerFolders:
    """Find the servers' folders of an existing data folder, or create them.

    Raises FolderNotUsable, DiskFull or ServersUnavailable.
    """
    with explain_folder_errors(data_dir):
        home = _existing_home(data_dir)
        account = owner_of(home) if home else unprivileged_account()
        if account.uid == 0:
            # An earlier start ended after it created the folder and before it changed the owner.
            account = unprivileged_account()
        home = home or _new_home(data_dir, server_dir, account)
        make_private_folder(home, account)
        if not account.is_current and not account.can("-x", home):
            raise FolderNotUsable(
                f"The servers run as user id {account.uid}, which can no longer enter {home}. "
                "Allow that user to enter the parent folders."
            )
        _refuse_copy(Path(os.path.realpath(data_dir)), home)
        run = _socket_folder(home, account)
        folders = ServerFolders(home=home, run=run, account=account)
        for folder in (run, folders.redis_data, folders.logs):
            make_private_folder(folder, account)
    return folders
