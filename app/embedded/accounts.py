"""The account that the servers run as: root hands them to one without rights, anybody else keeps them."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from app.embedded.errors import FolderNotUsable, ServersUnavailable

# initdb fails for a uid that has no passwd entry, so only accounts that exist are candidates.
UNPRIVILEGED = ("postgres", "nobody")


class AccountOptions(TypedDict, total=False):
    """The part of ``subprocess.Popen``'s arguments that changes the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user and group id on this machine."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """True where no change of account is needed."""
        return self.uid == os.geteuid()

    def popen_options(self) -> AccountOptions:
        """Arguments for ``subprocess.Popen`` that start a program as this account."""
        if self.is_ours:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, access: Literal["-w", "-x"], path: Path) -> bool:
        """Whether the account may write or enter a path.

        Asked of the kernel, as that account: mode bits alone miss ACLs and mount options.
        """
        command = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", access, str(path)]
        result = subprocess.run(  # noqa: S603 - fixed program, the path is an argument
            command, cwd="/", env={}, check=False, stderr=subprocess.DEVNULL, **self.popen_options()
        )
        return result.returncode == 0

    def can_run(self, program: Path) -> bool:
        """Whether the account can start a program, with the libraries that it loads."""
        try:
            result = subprocess.run(  # noqa: S603 - a server binary of ours
                [str(program), "--version"],
                cwd="/",
                env={},
                check=False,
                capture_output=True,
                **self.popen_options(),
            )
        except OSError:
            return False
        return result.returncode == 0


def own_account() -> Account:
    """The account of this process."""
    return Account(os.geteuid(), os.getegid())


def unprivileged_account() -> Account:
    """The account for new servers' data. Raises ``ServersUnavailable`` for root without one."""
    if os.geteuid() != 0:
        return own_account()
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ServersUnavailable(
        "PostgreSQL does not run as root, and this machine has neither an account 'postgres' nor 'nobody'. "
        "Start as another user."
    )


def owner_of(folder: Path) -> Account:
    """The account that owns existing servers' data. Raises ``FolderNotUsable`` if we cannot act as it."""
    status = folder.stat()
    if os.geteuid() != 0 and status.st_uid != os.geteuid():
        raise FolderNotUsable(
            f"The folder {folder} belongs to user id {status.st_uid}, and this is user id {os.geteuid()}. "
            "Start as that user, or choose another data folder."
        )
    return Account(status.st_uid, status.st_gid)
