"""Where the servers' files lie: below the data folder, or elsewhere where their account cannot reach it."""

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

from app.embedded.accounts import Account, owner_of, unprivileged_account
from app.embedded.errors import DiskFull, FolderNotUsable

DEFAULT_SERVER_DIR = Path("/var/lib/activations")
POINTER = "servers-folder"  # file in the data folder that names the servers' folder, where it lies elsewhere
SHORT_FOLDERS = Path("/tmp")  # noqa: S108 - the folder made in it is ours, 0700, and its owner is checked
LONGEST_SOCKET_FOLDER = (
    75  # bytes: the address of a socket takes 107 (103 on macOS) with its file name
)
SAFE_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # what needs no escapes in the servers' URLs


@dataclass(frozen=True)
class Places:
    """The folders of one pair of servers, and the account that they run as."""

    home: Path
    run: Path
    account: Account

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "postgres"

    @property
    def redis_data(self) -> Path:
        """Redis's working folder; nothing in it needs to be kept."""
        return self.home / "redis"

    @property
    def logs(self) -> Path:
        """What the servers themselves write."""
        return self.home / "logs"

    @property
    def lock(self) -> Path:
        """Held exclusively by the guard and by PostgreSQL for as long as they live."""
        return self.home / "lock"

    @property
    def guard_socket(self) -> Path:
        """Where further programs on the same data folder join."""
        return self.run / "guard.sock"


@contextmanager
def clear_folder_errors(folder: Path) -> Iterator[None]:
    """Turns the system's errors about a folder into ours, which say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"There is no room left on the disk for {folder}.") from error
        raise FolderNotUsable(
            f"The folder {folder} cannot be used: {error.strerror or error}. Choose another, or change who may write there."
        ) from error


def make_data_dir(data_dir: Path) -> Path:
    """Makes the data folder if it is missing; answers its absolute path.

    Raises ``FolderNotUsable`` or ``DiskFull``. The mode of a folder that was there stays as it is.
    """
    data_dir = Path(os.path.realpath(data_dir))
    with clear_folder_errors(data_dir):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        try:
            data_dir.mkdir(mode=0o700)
        except FileExistsError:
            if not data_dir.is_dir():
                raise
        else:
            # Root's servers run as another account, which has to pass through to its own folder.
            data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not os.access(data_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return data_dir


def make_private_folder(folder: Path, account: Account) -> None:
    """Makes a folder with mode 0700 for the account; one that is there must already be just that."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if status.st_uid == os.geteuid() != account.uid and stat.S_ISDIR(status.st_mode):
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid or status.st_mode & 0o077:
        raise FolderNotUsable(
            f"{folder} should be a folder of user id {account.uid} with mode 0700, and is not. Remove it and start again."
        )


def _short_name(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _existing_home(data_dir: Path) -> Path | None:
    pointer = data_dir / POINTER
    if not pointer.exists():
        home = data_dir / "servers"
        return home if home.is_dir() else None
    home = Path(pointer.read_text(encoding="utf-8").strip())
    if not home.is_dir():
        # Starting with an empty database instead would look like a loss of everything.
        raise FolderNotUsable(
            f"{pointer} says that the servers' data is in {home}, and there is no such folder. "
            f"Bring it back, or remove {pointer} to start with an empty database."
        )
    return home


def _new_home(data_dir: Path, server_dir: Path | None, account: Account) -> Path:
    if account.can("-x", data_dir):
        return data_dir / "servers"
    base = Path(os.path.realpath(server_dir or DEFAULT_SERVER_DIR))
    with clear_folder_errors(base):
        make_passable_folder(base)
        if not account.can("-x", base):
            raise FolderNotUsable(
                f"The servers run as user id {account.uid}, which can enter neither {data_dir} nor {base}. "
                "Set ACTIVATIONS_SERVER_DIR to a folder that it can enter."
            )
        home = base / _short_name(data_dir)
        make_private_folder(home, account)
        write_whole(data_dir / POINTER, f"{home}\n")
    return home


def make_passable_folder(folder: Path) -> None:
    """Makes a folder that everybody may pass through; one that is there keeps its mode."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Writes a small file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _socket_folder(home: Path, account: Account) -> Path:
    folder = home / "run"
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER and SAFE_PATH.fullmatch(str(folder)):
        return folder
    return SHORT_FOLDERS / f"activations-{_short_name(home)}-{account.uid}"


def find_places(data_dir: Path, server_dir: Path | None) -> Places:
    """Finds or makes the servers' folders for a data folder that is there.

    Raises ``FolderNotUsable``, ``DiskFull`` or ``ServersUnavailable``.
    """
    with clear_folder_errors(data_dir):
        home = _existing_home(data_dir)
        account = owner_of(home) if home else unprivileged_account()
        if account.uid == 0:
            # A start that was cut off between making the folder and giving it away.
            account = unprivileged_account()
        home = home or _new_home(data_dir, server_dir, account)
        make_private_folder(home, account)
        if not account.is_ours and not account.can("-x", home):
            raise FolderNotUsable(
                f"The servers run as user id {account.uid}, which can no longer enter {home}. Let it pass through the folders above."
            )
        run = _socket_folder(home, account)
        places = Places(home=home, run=run, account=account)
        for folder in (run, places.redis_data, places.logs):
            make_private_folder(folder, account)
    return places
