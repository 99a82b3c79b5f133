"""The files that checks read, and the faults that they report."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("app", "workers")
#: Written by other people, or by a tool.
FOREIGN = ("__pycache__", "swagger-ui", "node_modules", "static/vendor")
#: Texts with faults on purpose.
PLANTED = "tests/structure/test_planted_faults.py"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.Module | ast.ClassDef


@dataclass(frozen=True, order=True)
class Fault:
    """One place in a file that a check rejects."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Source:
    """One text file, by its path relative to the root of the repository."""

    root: Path
    path: str

    @cached_property
    def text(self) -> str:
        return (self.root / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def module(self) -> str:
        """The dotted name of a Python file."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_face(self) -> bool:
        return self.path.endswith("/__init__.py")

    def fault(self, at: ast.AST | int, message: str) -> Fault:
        line = at if isinstance(at, int) else int(getattr(at, "lineno", 1))
        return Fault(self.path, line, message)

    def line(self, number: int) -> str:
        return self.text.splitlines()[number - 1]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes in the order of ``ast.walk``, which is slower and would walk again for each check."""
        found: list[ast.AST] = [self.tree]
        for node in found:  # grows while it is read
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, ast.AST):
                    found.append(value)
                elif isinstance(value, list):
                    found += [item for item in value if isinstance(item, ast.AST)]
        return found

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Each comment with its first line; comments on consecutive lines are one comment."""
        return list(self._comments()) if "#" in self.text else []

    def _comments(self) -> Iterator[tuple[int, str]]:
        first, last, words = 0, -1, ""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type != tokenize.COMMENT:
                continue
            line, text = token.start[0], token.string.lstrip("#:").strip()
            alone = not token.line[: token.start[1]].strip()
            if words and line == last + 1 and alone:
                last, words = line, f"{words}\n{text}"
                continue
            if words:
                yield first, words
            first, last, words = line, line, text
        if words:
            yield first, words

    @cached_property
    def strings(self) -> list[tuple[int, str]]:
        """Each string constant, docstrings and parts of f-strings included, with its first line."""
        return [
            (node.lineno, node.value)
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]

    @cached_property
    def docstrings(self) -> list[tuple[int, str]]:
        """Each docstring with its first line."""
        return [
            (first.lineno, first.value.value)
            for node in self.nodes
            if isinstance(node, Function | Scope)
            and node.body
            and isinstance(first := node.body[0], ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ]

    def functions(self) -> Iterator[Function]:
        """Yield all functions and methods, nested ones included."""
        return (node for node in self.nodes if isinstance(node, Function))


def files(
    root: Path,
    places: Iterable[str],
    suffixes: tuple[str, ...] = (".py",),
    within: Iterable[str] = (),
) -> list[Source]:
    """Return the files below ``places`` that have one of ``suffixes``; only those below ``within``, if it is given."""
    wanted = [Path(path) for path in within]
    found = set()
    for place in places:
        start = root / place
        below = [start] if start.is_file() else start.rglob("*")
        found |= {
            path.relative_to(root) for path in below if path.suffix in suffixes and path.is_file()
        }
    return [
        _source(root, path.as_posix())
        for path in sorted(found)
        if not any(name in path.as_posix() for name in (*FOREIGN, PLANTED))
        and (not wanted or any(path.is_relative_to(one) for one in wanted))
    ]


def _source(root: Path, path: str) -> Source:
    """Return a file. Those of the repository are read and parsed once, however many checks look at them."""
    return _kept_source(path) if root == ROOT else Source(root, path)


@cache
def _kept_source(path: str) -> Source:
    return Source(ROOT, path)


def public_functions(scope: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield the public functions of a module and the public methods of its public classes, with qualified names."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, Function):
            if not node.name.startswith("_"):
                yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            if not node.name.startswith("_"):
                yield from public_functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from public_functions(node, prefix)


def last_name(node: ast.AST) -> str:
    """Return the last identifier of a name, attribute, subscript or call; empty for other expressions."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case ast.Call(func=func):
            return last_name(func)
    return ""


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` of a name or attribute; empty for other expressions."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{parent}.{name}" if (parent := dotted(value)) else ""
    return ""


def line_of(first: int, text: str, offset: int) -> int:
    """Return the line of an offset in a text that begins on line ``first``."""
    return first + text.count("\n", 0, offset)
