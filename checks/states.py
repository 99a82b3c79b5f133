"""No bare state strings: states of syncs, batches, runs and activations are written as members of their enums.

A string constant is a bare state

- if it is compared with, assigned to, or passed as something named ``state``, ``closing`` or ``…_state``, whatever it says;
- if it is one of the words below and is compared with anything, or all parts of a tuple, list, set, ``case`` or of the keys
  of a dictionary are such words;
- if it stands in quotes inside a line of SQL that names ``state``.

Words that belong to another vocabulary (an attempt's ``outcome``, a column's name) are recognised by what they are compared
with. Exempt are enums, the tables' definitions (``server_default``, indexes), and the layers that speak somebody's wire
format: contract, connectors, sandbox, demo and the examples of the API.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import CODE, ROOT, Fault, Source, files, last_name

ENUMS = "app/domain"
#: The words of the enums in ``app/domain/*_states.py`` are added to these.
WORDS = frozenset(
    {
        *(
            "new",
            "pending",
            "held",
            "running",
            "complete",
            "failed",
            "cancelled",
            "superseded",
        ),  # syncs, runs
        *("waiting", "sending", "settled"),  # batches
        *("active", "inactive", "error"),  # activations
    }
)
#: Layers whose strings are a wire format: Segment's, a partner's, or that of a child process.
WIRE = (
    "app/contract/",
    "app/connectors/",
    "app/sources/",
    "app/sandbox/",
    "app/demo/",
    "app/embedded/",
    "app/api/",
)
_STATE = re.compile(r"(^|_)states?$|^closing$")
#: What else a word can be: the outcome of an attempt, a column, a kind of notice.
_OTHER = re.compile(r"(^|_)(outcome|column|kind|key|field|name|event|notice|reason)s?$")
_SQL = re.compile(r"\bstate\b.*'([a-z_]+)'|'([a-z_]+)'.*\bstate\b", re.IGNORECASE)
#: File, word, reason.
ALLOWED: tuple[tuple[str, str, str], ...] = ()


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the bare state strings of ``app`` and ``workers``."""
    words = WORDS | {word for source in files(root, [ENUMS]) for word in _members(source)}
    allowed = {(path, word) for path, word, _ in ALLOWED}
    found = set()
    for source in files(root, CODE, within=paths):
        if source.path.startswith(WIRE):
            continue
        exempt = {id(inner) for node in _exempt(source) for inner in ast.walk(node)}
        for node in ast.walk(source.tree):
            if id(node) in exempt:
                continue
            for constant, word in _bare(node, words):
                if id(constant) not in exempt and (source.path, word) not in allowed:
                    found.add(
                        source.fault(constant, f"the state “{word}” is a bare string; use its enum")
                    )
    return sorted(found)


def _members(source: Source) -> Iterator[str]:
    """Yield the values of the enums in a module of states."""
    if not source.path.endswith("_states.py"):
        return
    for node in _enums(source.tree):
        for part in node.body:
            match part:
                case ast.Assign(value=ast.Constant(value=str(word))):
                    yield word


def _enums(tree: ast.AST) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            last_name(base).endswith("Enum") for base in node.bases
        ):
            yield node


def _exempt(source: Source) -> Iterator[ast.AST]:
    """Yield what may hold bare words: enums, docstrings, indexes, defaults of columns, types."""
    yield from _enums(source.tree)
    for node in ast.walk(source.tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                yield node
            case ast.Call(func=ast.Name(id="Index" | "mapped_column" | "CheckConstraint")):
                yield node
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield node


def _bare(node: ast.AST, words: frozenset[str] | set[str]) -> Iterator[tuple[ast.Constant, str]]:
    """Yield the constants of one node that are bare states, each with its word."""
    match node:
        case ast.Compare(left=left, comparators=rights):
            sides = [left, *rights]
            names = [last_name(side) for side in sides]
            if any(_STATE.search(name) for name in names):
                yield from _texts(sides)
            elif not any(_OTHER.search(name) for name in names):
                yield from (hit for hit in _texts(sides, nested=False) if hit[1] in words)
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _assigned(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _assigned(target, value)
        case ast.keyword(arg=str(name), value=value) if _STATE.search(name):
            yield from _texts(_branches(value))
        case ast.arguments():
            yield from _defaults(node)
        case ast.Call(
            func=ast.Attribute(value=column, attr="in_" | "not_in" | "is_distinct_from"),
            args=arguments,
        ):
            if _STATE.search(last_name(column)):
                yield from _texts(arguments)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            yield from _all_of(parts, words)
        case ast.Dict(keys=keys, values=values):
            if len(keys) > 1:
                yield from _all_of(keys, words)
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and _STATE.search(str(key.value)):
                    yield from _texts(_branches(value))
        case ast.MatchValue(value=ast.Constant(value=str(word)) as constant) if word in words:
            yield constant, word
        case ast.Constant(value=str(text)):
            yield from _in_sql(node, text, words)


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.Constant, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _assigned(one, other)
    elif _STATE.search(last_name(target).lower()):
        yield from _texts(_branches(value))


def _defaults(arguments: ast.arguments) -> Iterator[tuple[ast.Constant, str]]:
    names = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(names[::-1], arguments.defaults[::-1], strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for name, default in pairs:
        if default is not None and _STATE.search(name.arg):
            yield from _texts([default])


def _branches(value: ast.expr) -> list[ast.expr]:
    """Return what an expression can result in: the branches of ``if`` and ``or``."""
    match value:
        case ast.IfExp(body=body, orelse=other):
            return [*_branches(body), *_branches(other)]
        case ast.BoolOp(values=values):
            return [branch for one in values for branch in _branches(one)]
    return [value]


def _texts(nodes: Sequence[ast.AST], nested: bool = True) -> Iterator[tuple[ast.Constant, str]]:
    for node in nodes:
        match node:
            case ast.Constant(value=str(word)):
                yield node, word
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) if nested:
                yield from _texts(parts)


def _all_of(
    parts: Sequence[ast.AST | None], words: frozenset[str] | set[str]
) -> Iterator[tuple[ast.Constant, str]]:
    """Yield the constants of a collection if all its parts are states."""
    hits = [
        (part, part.value)
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    if hits and len(hits) == len(parts) and all(word in words for _, word in hits):
        yield from hits


def _in_sql(
    node: ast.Constant, text: str, words: frozenset[str] | set[str]
) -> Iterator[tuple[ast.Constant, str]]:
    for number, line in enumerate(text.splitlines()):
        if _SQL.search(line):
            for word in re.findall(r"'([a-z_]+)'", line):
                if word in words:
                    at = ast.Constant(value=text, lineno=node.lineno + number, col_offset=0)
                    yield at, word
