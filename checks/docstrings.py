"""Public docstrings start with a verb, name the shape of a returned dictionary and the errors that the body raises."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import (
    CODE,
    ROOT,
    Fault,
    Function,
    Source,
    dotted,
    files,
    last_name,
    public_functions,
)
from checks.verbs import VERBS

#: Names of types that are dictionaries; aliases such as ``Json = dict[str, Any]`` are found in the code.
_DICTIONARIES = frozenset(
    {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "Counter", "OrderedDict"}
)
#: Types whose arguments are not what a caller gets.
_OPAQUE = {"Callable", "type", "Annotated", "Literal"}
#: Errors that report a mistake in this code; no caller handles them.
_BUGS = {"AssertionError", "NotImplementedError"}

#: A shape is named by a section, by an example in braces, by what the keys are, or by the model it has the form of.
_SHAPE = (
    re.compile(r"^\s*(Returns|Yields):\s*\S", re.MULTILINE),
    re.compile(r"``[^`]*\{[^`]*``"),
    re.compile(r"\b(keyed by|by|per|for each|of each) \w"),
    re.compile(r"\b(form|shape|fields|body|columns|properties) of (a |an |the )?``\w"),
)


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the faults of public docstrings in ``app`` and ``workers``."""
    found = []
    sources = files(root, CODE, within=paths)
    moods = _moods(root, sources)
    types = _DICTIONARIES | {name for source in files(root, CODE) for name in _aliases(source)}
    for source in sources:
        for name, function in public_functions(source.tree):
            if _is_exempt(function):
                continue
            text = ast.get_docstring(function)
            if text is None:
                needs = [
                    *(["returns a dictionary"] if _returns_dictionary(function, types) else []),
                    *_raised(function),
                ]
                if needs:
                    reason = ", ".join(word if " " in word else f"raises {word}" for word in needs)
                    found.append(source.fault(function, f"{name} {reason}, and has no docstring"))
                continue
            if (source.path, function.body[0].lineno) in moods or not _starts_with_verb(
                function, text
            ):
                found.append(
                    source.fault(
                        function,
                        f"{name}: the docstring does not start with a verb (D401, checks/verbs.py)",
                    )
                )
            if _returns_dictionary(function, types) and not any(
                shape.search(text) for shape in _SHAPE
            ):
                found.append(
                    source.fault(
                        function,
                        f"{name} returns a dictionary; the docstring does not name its shape",
                    )
                )
            found += [
                source.fault(function, f"{name} raises {error}; the docstring does not name it")
                for error in _raised(function)
                if not re.search(rf"\b{error}\b", text)
            ]
    return found


def _moods(root: Path, sources: Sequence[Source]) -> set[tuple[str, int]]:
    """Return path and line of the docstrings that ruff's D401 rejects."""
    if not sources:
        return set()
    ruff = Path(sys.executable).with_name("ruff")
    command = [
        str(ruff),
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "D401",
        "--output-format",
        "json",
    ]
    done = subprocess.run(
        [*command, *(source.path for source in sources)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        (
            Path(hit["filename"]).resolve().relative_to(root.resolve()).as_posix(),
            hit["location"]["row"],
        )
        for hit in json.loads(done.stdout)
    }


def _starts_with_verb(function: Function, text: str) -> bool:
    """Whether a docstring starts with a known verb. A property's may name what the property is."""
    names = {last_name(decorator) for decorator in function.decorator_list}
    first = text.split(maxsplit=1)[0].strip(".,;:").lower() if text.strip() else ""
    return first in VERBS or bool(names & {"property", "cached_property"})


def _is_exempt(function: Function) -> bool:
    """Whether a function repeats another's declaration: an overload, an override, or a property's setter."""
    names = {last_name(decorator) for decorator in function.decorator_list}
    return bool(names & {"overload", "override", "setter", "deleter"})


def _aliases(source: Source) -> Iterator[str]:
    """Yield the names that a module gives to types of dictionaries."""
    for node in source.tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Name(id=kind))
            ) if kind in _DICTIONARIES:
                yield name


def _returns_dictionary(function: Function, types: frozenset[str]) -> bool:
    return function.returns is not None and _is_dictionary(function.returns, types)


def _is_dictionary(annotation: ast.AST, types: frozenset[str]) -> bool:
    match annotation:
        case ast.Constant(value=str(text)):
            return _is_dictionary(ast.parse(text, mode="eval").body, types)
        case ast.Name() | ast.Attribute():
            return last_name(annotation) in types
        case ast.Subscript(value=value, slice=argument):
            name = last_name(value)
            return name in types or (name not in _OPAQUE and _is_dictionary(argument, types))
        case ast.BinOp(left=left, right=right):
            return _is_dictionary(left, types) or _is_dictionary(right, types)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(_is_dictionary(part, types) for part in parts)
    return False


def _raised(function: Function) -> list[str]:
    """Return the names of the error classes that a body raises and does not catch, in order, each once."""
    return list(dict.fromkeys(_raised_in(function.body, frozenset())))


def _raised_in(body: Sequence[ast.AST], caught: frozenset[str]) -> Iterator[str]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            name = _error_name(node.exc)
            if name and name not in caught | _BUGS:
                yield name
        if isinstance(node, ast.Try):
            handled = {name for handler in node.handlers for name in _handled(handler)}
            yield from _raised_in(node.body, caught | handled)
            rest: list[ast.AST] = [*node.handlers, *node.orelse, *node.finalbody]
            yield from _raised_in(rest, caught)
        else:
            yield from _raised_in(list(ast.iter_child_nodes(node)), caught)


def _handled(handler: ast.ExceptHandler) -> list[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [last_name(kind) for kind in kinds if kind is not None]


def _error_name(raised: ast.expr) -> str:
    """Return the class of ``X(...)``, ``X`` or ``X.of(...)``; empty for a variable or a function's result."""
    path = dotted(raised.func if isinstance(raised, ast.Call) else raised).split(".")
    return next((name for name in reversed(path) if name[:1].isupper()), "")
