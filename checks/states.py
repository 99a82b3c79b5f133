"""No bare state strings: states of syncs, batches, runs and activations are written as members of their enums.

The words are the values of the enums in ``app/domain/*_states.py`` whose name ends in ``State``. A string constant is a bare
state

- if it is compared with, assigned to, or passed as something named ``state``, ``closing`` or ``…_state``, whatever word it is;
- if it is one of the words, and is compared with anything, or is assigned to or passed as ``status``;
- if it is a part of a tuple, list, set, or a key of a dictionary whose parts or keys are all such words;
- if it is in quotes in a line of SQL that also names ``state`` or ``status``.

A reason of ``LeftOut`` is a bare state wherever a string, or a quoted word in it, says it.

A state of a sync or batch is written by its owner only (``OWNERS``): elsewhere a member of ``SyncState`` or ``BatchState``
must not be assigned to an attribute ``state``, passed as ``state=``, be the value of ``"state":``, or follow ``SET state =``
in SQL. Reads and comparisons are free.

Words of another vocabulary (an attempt's ``outcome``, a column's name) are recognised by what they are compared with.
Exempt are enums, the tables' definitions (``server_default``, indexes), and code that speaks a wire format: contract,
connectors, sources, sandbox, demo, embedded, and in ``app/api`` what is not compared with something named ``state``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from checks.source import CODE, ROOT, Fault, Source, files, last_name

ENUMS = "app/domain"
REASONS = "app/domain/left_out.py"
#: Layers whose strings are a wire format: Segment's, a partner's, or that of a child process.
WIRE = (
    "app/contract/",
    "app/connectors/",
    "app/sources/",
    "app/sandbox/",
    "app/demo/",
    "app/embedded/",
)
#: A layer that speaks a wire format, and must not compare states.
EDGE = "app/api/"
_STATE = re.compile(r"(^|_)states?$|^closing$")
#: Enum, and the files that may write its members to a row.
OWNERS = {
    "SyncState": ("app/services/syncs/lifecycle.py", "app/storage/repositories/syncs.py"),
    "BatchState": ("app/storage/repositories/batches.py",),
}
_SET = re.compile(r"\bSET\s+state\s*=\s*'$")
#: What else a word can be: the outcome of an attempt, a column, a kind of notice.
_OTHER = re.compile(r"(^|_)(outcome|column|kind|key|field|name|event|notice|reason)s?$")
#: Not the codes of SQLSTATE.
_WORD = re.compile(r"^[A-Za-z_]+$")
_QUOTED = re.compile(r"'([A-Za-z_]+)'")
_SQL = re.compile(r"\b(state|status)\b")
#: A string constant, and the word it says.
Hit = tuple[ast.Constant, str]
#: File, word, reason.
ALLOWED: tuple[tuple[str, str, str], ...] = ()


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the bare state strings of ``app`` and ``workers``."""
    states = files(root, [ENUMS])
    words = frozenset(
        word
        for source in states
        if source.path.endswith("_states.py")
        for word in _members(source, "State")
    )
    reasons = frozenset(
        word for source in states if source.path == REASONS for word in _members(source, "LeftOut")
    )
    allowed = {(path, word) for path, word, _ in ALLOWED}
    found = set()
    for source in files(root, CODE, within=paths):
        if source.path.startswith(WIRE):
            continue
        is_edge = source.path.startswith(EDGE)
        exempt = {id(inner) for node in _exempt(source) for inner in ast.walk(node)}
        for node in source.nodes:
            found |= {
                source.fault(value, f"the state “{enum}” is written here; only {owners} may do so")
                for value, enum in _written(node)
                if source.path not in OWNERS[enum]
                for owners in (" and ".join(OWNERS[enum]),)
            }
            if id(node) in exempt:
                continue
            hits = list(_named(node))
            if not is_edge:
                hits += [*_worded(node, words), *_quoted(node, words, reasons)]
            for constant, word in hits:
                if id(constant) not in exempt and (source.path, word) not in allowed:
                    told = f"the state “{word}” is a bare string; use its enum"
                    found.add(source.fault(constant, told))
    return sorted(found)


def _members(source: Source, suffix: str) -> Iterator[str]:
    """Yield the values of the enums of a module whose names end in ``suffix``."""
    for enum in _enums(source):
        for part in enum.body:
            match part:
                case ast.Assign(value=ast.Constant(value=str(word))) if enum.name.endswith(suffix):
                    yield word


def _enums(source: Source) -> Iterator[ast.ClassDef]:
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and any(
            last_name(base).endswith("Enum") for base in node.bases
        ):
            yield node


def _exempt(source: Source) -> Iterator[ast.AST]:
    """Yield what may hold bare words: enums, docstrings, indexes, defaults of columns, types."""
    yield from _enums(source)
    for node in source.nodes:
        match node:
            case ast.Expr(value=ast.Constant()):
                yield node
            case ast.Call(func=ast.Name(id="Index" | "mapped_column" | "CheckConstraint")):
                yield node
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield node


def _named(node: ast.AST) -> Iterator[Hit]:
    """Yield the constants that one node gives to, or compares with, something that is named as a state."""
    match node:
        case ast.Compare(left=left, comparators=rights):
            sides = [left, *rights]
            if any(_STATE.search(last_name(side)) for side in sides):
                yield from _texts(sides)
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _assigned(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _assigned(target, value)
        case ast.keyword(arg=str(name), value=value) if _STATE.search(name):
            yield from _texts(_branches(value))
        case ast.arguments():
            yield from _defaults(node)
        case ast.Call(func=ast.Attribute(value=column, attr=attribute), args=arguments) if (
            attribute in ("in_", "not_in", "is_distinct_from")
        ):
            if _STATE.search(last_name(column)):
                yield from _texts(arguments)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and _STATE.search(str(key.value)):
                    yield from _texts(_branches(value))


def _written(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield the members of ``OWNERS`` that one node writes to something named ``state``, each with its enum."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _state_assigned(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _state_assigned(target, value)
        case ast.keyword(arg="state", value=value):
            yield from _owned(value)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "state":
                    yield from _owned(value)
        case ast.JoinedStr(values=parts):
            for before, part in pairwise(parts):
                match before, part:
                    case ast.Constant(value=str(text)), ast.FormattedValue(value=value):
                        if _SET.search(text):
                            yield from _owned(value)


def _state_assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _state_assigned(one, other)
    elif isinstance(target, ast.Attribute | ast.Subscript) and last_name(target) == "state":
        yield from _owned(value)


def _owned(value: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    for branch in _branches(value):
        match branch:
            case ast.Attribute(value=enum) if last_name(enum) in OWNERS:
                yield branch, last_name(enum)
            case ast.Call(func=enum) if last_name(enum) in OWNERS:
                yield branch, last_name(enum)


def _worded(node: ast.AST, words: frozenset[str]) -> Iterator[Hit]:
    """Yield the constants of one node that say a state, where nothing shows that they say something else."""
    match node:
        case ast.Compare(left=left, comparators=rights):
            sides = [left, *rights]
            if not any(_OTHER.search(last_name(side)) for side in sides):
                yield from (hit for hit in _texts(sides, nested=False) if hit[1] in words)
        case ast.Assign(targets=[target], value=value) if last_name(target) == "status":
            yield from (hit for hit in _texts(_branches(value)) if hit[1] in words)
        case ast.keyword(arg="status", value=value):
            yield from (hit for hit in _texts(_branches(value)) if hit[1] in words)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            yield from _all_of(parts, words)
        case ast.Dict(keys=keys) if len(keys) > 1:
            yield from _all_of(keys, words)
        case ast.MatchValue(value=ast.Constant(value=str(word)) as constant) if word in words:
            yield constant, word


def _quoted(node: ast.AST, words: frozenset[str], reasons: frozenset[str]) -> Iterator[Hit]:
    """Yield the states in a line of SQL, and the reasons that a string says."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return
    if node.value in reasons:
        yield node, node.value
    for number, line in enumerate(node.value.splitlines()):
        for word in _QUOTED.findall(line):
            if word in reasons or (word in words and _SQL.search(line)):
                yield ast.Constant(value=word, lineno=node.lineno + number, col_offset=0), word


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[Hit]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _assigned(one, other)
    elif _STATE.search(last_name(target).lower()):
        yield from _texts(_branches(value))


def _defaults(arguments: ast.arguments) -> Iterator[Hit]:
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


def _texts(nodes: Sequence[ast.AST], nested: bool = True) -> Iterator[Hit]:
    for node in nodes:
        match node:
            case ast.Constant(value=str(word)) if _WORD.match(word):
                yield node, word
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) if nested:
                yield from _texts(parts)


def _all_of(parts: Sequence[ast.AST | None], words: frozenset[str]) -> Iterator[Hit]:
    """Yield the constants of a collection if all its parts are states."""
    hits = [
        (part, part.value)
        for part in parts
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    if hits and len(hits) == len(parts) and all(word in words for _, word in hits):
        yield from hits
