"""The template: a process with one thread that imports modules and forks children that need them.

It opens no engine and no file: a child that is forked while another thread runs, or after an engine was opened, crashes.
A module can have a function ``before_fork``, which computes once what each child would compute again.
The parent sends one datagram for each child: the module to import, the module whose ``before_job`` the child calls (or
nothing), and the child's three descriptors (its channel, the pipe for its report and the pipe for its exit status). The answer
has a pidfd of the child, or it is the number of the error for which there is no child.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import select
import signal
import socket
import struct
from functools import cache

from app.core.without_pandas import hide_pandas
from app.processes.child import do_job

STATUS = struct.Struct("!i")
MESSAGE = 1024  # bytes
DESCRIPTORS = 3  # of a child


def main(control: int) -> None:
    """Fork children until the parent closes ``control`` (the number of a socket), which happens however it ends."""
    hide_pandas()
    requests = socket.socket(fileno=control)
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)  # the parent's end is this process's end
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    statuses: dict[int, int] = {}  # pipes for exit statuses, by process id
    while True:
        ready, _, _ = select.select([requests.fileno(), awake], [], [])
        if awake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(awake, 4096)
            _reap(statuses)
        if requests.fileno() in ready and not _serve(requests, (awake, wake), statuses):
            return


def _serve(requests: socket.socket, pipes: tuple[int, int], statuses: dict[int, int]) -> bool:
    """Fork one child. Returns False if the parent has closed the socket.

    An error of one fork is answered: the children that run would end with this process.
    """
    message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE, DESCRIPTORS)
    if not message:
        return False
    if len(descriptors) != DESCRIPTORS:  # this process takes no descriptor more
        for ours in descriptors:
            os.close(ours)
        _answer(requests, errno.EMFILE)
        return True
    channel, report, status = descriptors
    preload, _, ahead = message.decode().partition("|")
    for module in filter(None, (preload, ahead)):
        with contextlib.suppress(ImportError):  # the child reports it
            _prepare(module)
    gc.freeze()
    try:
        child = os.fork()
    except OSError as error:
        for ours in descriptors:
            os.close(ours)
        _answer(requests, error.errno)
        return True
    if child == 0:
        for other in (requests.fileno(), status, *pipes, *statuses.values()):
            os.close(other)
        _become_child()
        do_job(socket.socket(fileno=channel), report, ahead)
    statuses[child] = status
    os.close(channel)
    os.close(report)
    try:
        handle = os.pidfd_open(child)
    except OSError as error:  # the child ends when the parent closes its channel
        _answer(requests, error.errno)
        return True
    _answer(requests, 0, [handle])
    os.close(handle)
    return True


def _answer(requests: socket.socket, error: int | None, handles: list[int] | None = None) -> None:
    socket.send_fds(requests, [STATUS.pack(error or 0)], handles or [])


@cache
def _prepare(module: str) -> None:
    """Import a module, and call its function ``before_fork`` if it has one."""
    before_fork = getattr(importlib.import_module(module), "before_fork", None)
    if before_fork is not None:
        before_fork()


def _become_child() -> None:
    signal.set_wakeup_fd(-1)
    for changed in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(changed, signal.SIG_DFL)
    os.setsid()


def _reap(statuses: dict[int, int]) -> None:
    """Report the exit status of each child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            pipe = statuses.pop(child)
            with contextlib.suppress(BrokenPipeError):
                os.write(pipe, STATUS.pack(os.waitstatus_to_exitcode(status)))
            os.close(pipe)
