"""The module map of ``docs/architecture.md``: all packages, each with the first sentence of its docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import CODE, ROOT, Fault, Source

DOCUMENT = "docs/architecture.md"
BEGIN = "<!-- module map: start -->"
END = "<!-- module map: end -->"
#: Folders whose modules are listed, too.
WITH_MODULES = ("app/services/", "app/snapshots/")


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return a fault if the map in the document is not the map of the code."""
    file = root / DOCUMENT
    if not file.exists():
        return [Fault(DOCUMENT, 1, "missing")]
    before, found, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    current, ended, _ = rest.partition(END)
    if not (found and ended):
        return [Fault(DOCUMENT, 1, f"has no “{BEGIN}” and “{END}”")]
    if current.strip() != module_map(root).strip():
        return [
            Fault(
                DOCUMENT,
                before.count("\n") + 1,
                "the module map is out of date: python -m checks map --write",
            )
        ]
    return []


def write(root: Path = ROOT) -> None:
    """Write the map between the markers of the document; append them if it has none."""
    file = root / DOCUMENT
    text = file.read_text(encoding="utf-8") if file.exists() else "# Architecture\n"
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Module map\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    file.write_text(
        f"{before}{BEGIN}\n\n{module_map(root)}\n{END}{rest.partition(END)[2]}", encoding="utf-8"
    )


def module_map(root: Path = ROOT) -> str:
    """Return the map as a nested Markdown list."""
    return "\n".join(line for place in CODE for line in _package(root, place, 0)) + "\n"


def _package(root: Path, path: str, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- **{path.rpartition('/')[2]}/** {_sentence(Source(root, f'{path}/__init__.py'))}".rstrip()
    children = sorted((root / path).iterdir())
    if f"{path}/".startswith(WITH_MODULES):
        for child in children:
            if child.suffix == ".py" and child.name != "__init__.py":
                source = Source(root, f"{path}/{child.name}")
                yield f"{'  ' * (depth + 1)}- `{child.stem}`: {_sentence(source)}"
    for child in children:
        if (child / "__init__.py").exists():
            yield from _package(root, f"{path}/{child.name}", depth + 1)


def _sentence(source: Source) -> str:
    """Return the first sentence of a module's docstring, on one line, without the rules that it cites."""
    text = " ".join((ast.get_docstring(source.tree) or "").split("\n\n")[0].split())
    first = re.split(r"(?<=[.!?]) (?=[A-Z`])", text)[0]
    return re.sub(r" \(R\d+[^)]*\)", "", first).replace("``", "`")
