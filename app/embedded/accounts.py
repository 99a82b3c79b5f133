"""The account that the servers run as: an unprivileged account if the service runs as root, else the current one."""

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
    """The arguments of ``subprocess.Popen`` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


PATIENCE_SECONDS = 30.0  # for a program that says its version


@dataclass(frozen=True)
class Account:
    """A user and group id on this machine."""

    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        """True if this process already runs as the account."""
        return self.uid == os.geteuid()

    def popen_options(self) -> AccountOptions:
        """Return arguments for ``subprocess.Popen`` that start a program as this account.

        Returns ``{"user", "group", "extra_groups"}``, or ``{}`` if this process already runs as the account.
        """
        if self.is_current:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, access: Literal["-w", "-x"], path: Path) -> bool:
        """Check whether the account may write (``-w``) or enter (``-x``) a path.

        Runs ``test`` as the account, because mode bits alone miss ACLs and mount options.
        """
        command = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", access, str(path)]
        result = subprocess.run(  # noqa: S603 - fixed program, the path is an argument
            command, cwd="/", env={}, check=False, stderr=subprocess.DEVNULL, **self.popen_options()
        )
        return result.returncode == 0

    def can_run(self, program: Path) -> bool:
        """Check whether the account can start a program and load its libraries."""
        try:
            result = subprocess.run(  # noqa: S603 - an embedded server's program
                [str(program), "--version"],
                cwd="/",
                env={},
                check=False,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                **self.popen_options(),
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return result.returncode == 0


def current_account() -> Account:
    """Return the account of this process."""
    return Account(os.geteuid(), os.getegid())


def unprivileged_account() -> Account:
    """Return the account for the data of new servers.

    Raises ServersUnavailable if the process runs as root and the machine has no unprivileged account.
    """
    if os.geteuid() != 0:
        return current_account()
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ServersUnavailable(
        "PostgreSQL does not run as root, and this machine has neither a 'postgres' nor a 'nobody' account. "
        "Start the service as another user."
    )


def owner_of(folder: Path) -> Account:
    """Return the account that owns the data of existing servers.

    Raises FolderNotUsable if this process cannot run programs as that account.
    """
    status = folder.stat()
    if os.geteuid() != 0 and status.st_uid != os.geteuid():
        raise FolderNotUsable(
            f"The folder {folder} belongs to user id {status.st_uid}, but the service runs as user id {os.geteuid()}. "
            "Start the service as that user, or choose another data folder."
        )
    return Account(status.st_uid, status.st_gid)
