"""Errors of the one-command start, each with an exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line. Code 1 means any other error; code 2 is also that of wrong arguments."""

    WRONG_SETTING = 2
    PORT_IN_USE = 3
    OTHER_VERSION = 4
    DISK_FULL = 5
    FOLDER_NOT_USABLE = 6
    SERVERS_UNAVAILABLE = 7
    SERVER_UNREACHABLE = 8
    NOT_READY = 9
    STORE_UNUSABLE = 10


class StartError(Exception):
    """The start failed. The message is a complete sentence for the operator."""

    exit_code = ExitCode.SERVERS_UNAVAILABLE

    def __init__(self, message: str, exit_code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code or type(self).exit_code


class StoreUnusable(StartError):
    """The object store cannot be reached, or refuses access."""

    exit_code = ExitCode.STORE_UNUSABLE


class PortInUse(StartError):
    """Another program listens on the API's port."""

    exit_code = ExitCode.PORT_IN_USE


class OtherVersion(StartError):
    """The data folder belongs to another major version of PostgreSQL."""

    exit_code = ExitCode.OTHER_VERSION


class DiskFull(StartError):
    """There is not enough room for the servers' files."""

    exit_code = ExitCode.DISK_FULL


class FolderNotUsable(StartError):
    """A folder cannot be created, entered or written, or belongs to another user."""

    exit_code = ExitCode.FOLDER_NOT_USABLE


class ServersUnavailable(StartError):
    """PostgreSQL is not installed or does not start."""

    exit_code = ExitCode.SERVERS_UNAVAILABLE


def error_for(message: str, exit_code: int) -> StartError:
    """Return the error that matches the exit code that the guard reported."""
    for kind in StartError.__subclasses__():
        if kind.exit_code == exit_code:
            return kind(message)
    return StartError(message, ExitCode(exit_code))
