"""SQL is in the repositories, and each table is written by one of them.

A file writes a table if it calls ``update``, ``delete`` or ``insert`` with the model, or if a string in it begins a
statement that writes the table. Outside ``app/storage`` nothing but the session and the errors of SQLAlchemy may be
imported, and no statement may be passed to a session.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import CODE, ROOT, Fault, Source, files

STORAGE = "app/storage/"
REPOSITORIES = "app/storage/repositories"
#: Re-encrypts columns of tables that other repositories own.
EXCEPTION = f"{REPOSITORIES}/encrypted.py"
_WRITE = re.compile(r"\b(?:UPDATE|INSERT INTO|DELETE FROM) ([a-z_]+)\b(?! SKIP)")
_RUN = {"execute", "scalar", "scalars", "stream", "get", "merge"}


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return tables with two writers, and SQL outside the repositories."""
    found = []
    writers: dict[str, str] = {}
    for source in files(root, [REPOSITORIES]):
        if source.path == EXCEPTION:
            continue
        for line, table in _writes(source):
            first = writers.setdefault(table, source.path)
            if first != source.path:
                found.append(source.fault(line, f"{table} is written here and in {first}"))
    for source in files(root, CODE, within=paths):
        if not source.path.startswith(STORAGE):
            found += _sql(source)
    return sorted(found)


def _writes(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.nodes:
        match node:
            case ast.Call(
                func=ast.Name(id="update" | "delete" | "insert"), args=[ast.Name(id=model), *_]
            ) if model[0].isupper():
                yield node.lineno, re.sub(r"(?<!^)(?=[A-Z])", "_", model).lower()
            case ast.Constant(value=str(text)):
                for table in _WRITE.findall(text):
                    yield node.lineno, table


def _sql(source: Source) -> Iterator[Fault]:
    for node in source.nodes:
        match node:
            case ast.ImportFrom(module=str(module), names=names) if (
                module.split(".")[0] == "sqlalchemy"
                and module != "sqlalchemy.exc"
                and any(name.name != "AsyncSession" for name in names)
            ):
                yield source.fault(node, "builds SQL; add a method to a repository")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="session"), attr=name)) if (
                name in _RUN
            ):
                yield source.fault(node, f"session.{name}: add a method to a repository")
