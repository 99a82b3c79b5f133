"""No import cycles: imports for type checking and imports inside functions count.

``from package import name`` is an import of the module ``package.name`` if that exists, else of ``package/__init__``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from checks.source import CODE, ROOT, Fault, Source, files


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return one fault per group of modules that import each other."""
    sources = {source.module: source for source in files(root, CODE)}
    graph = {module: set(imports(source, sources)) for module, source in sources.items()}
    wanted = {source.module for source in files(root, CODE, within=paths)}
    return [
        sources[group[0]].fault(1, "an import cycle: " + " → ".join([*group, group[0]]))
        for group in cycles(graph)
        if wanted & set(group)
    ]


def imports(source: Source, known: Mapping[str, object]) -> Iterator[str]:
    """Yield the known modules that a module imports."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known:
                    yield inner
                elif node.module in known:
                    yield node.module


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return a shortest cycle of each group of modules that reach each other, or of a module that imports itself."""
    found, done = [], set()
    for start in sorted(graph):
        if start in done:
            continue
        path = _shortest(graph, start)
        if path:
            found.append(path)
            done |= {
                one for one in graph if _reaches(graph, start, one) and _reaches(graph, one, start)
            }
    return found


def _shortest(graph: Mapping[str, set[str]], start: str) -> list[str]:
    """Return the shortest path from a module back to it, without its end; empty if there is none."""
    came_from: dict[str, str] = {}
    queue = [start]
    for module in queue:
        for after in sorted(graph.get(module, ())):
            if after == start:
                path = [module]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if after not in came_from:
                came_from[after] = module
                queue.append(after)
    return []


def _reaches(graph: Mapping[str, set[str]], start: str, end: str) -> bool:
    seen, queue = {start}, [start]
    for module in queue:
        if module == end:
            return True
        for after in graph.get(module, set()) - seen:
            seen.add(after)
            queue.append(after)
    return False
