"""The ``__init__`` of a package is its public face: it exports names with ``__all__``, and others import these only."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.source import CODE, ROOT, Fault, Source, files

#: Folders whose packages have a face, and packages that have one.
FOLDERS = ("app/services", "app/snapshots")
PACKAGES = ("app/sources", "app/api/edge", "app/api/docs", "app/connectors/base")


def packages(root: Path, folder: str) -> list[str]:
    """Return the paths of the packages in a folder."""
    return sorted(
        path.parent.relative_to(root).as_posix() for path in (root / folder).glob("*/__init__.py")
    )


def check(root: Path = ROOT, paths: Sequence[str] = ()) -> list[Fault]:
    """Return the faces that do not declare names, and the imports that go past a face."""
    found = []
    wanted = {source.path for source in files(root, CODE, within=paths)}
    exported: dict[str, list[str]] = {}
    with_face = [package for folder in FOLDERS for package in packages(root, folder)]
    with_face += [package for package in PACKAGES if (root / package).exists()]
    for package in with_face:
        face = Source(root, f"{package}/__init__.py")
        if not (root / face.path).exists():
            found.append(face.fault(1, "missing: a package has a face"))
            continue
        names, faults = _face(root, package, face)
        exported[face.module] = names
        found += faults
    for source in files(root, CODE):
        found += _past_faces(source, exported)
    return [fault for fault in found if fault.path in wanted or not paths]


def _face(root: Path, package: str, face: Source) -> tuple[list[str], list[Fault]]:
    names = _declared(face.tree)
    if names is None:
        return [], [face.fault(1, "no __all__ that is a list of names")]
    bound = _bound(face.tree)
    found = [
        face.fault(1, f"__all__ has {name}, which the face does not define")
        for name in names
        if name not in bound
    ]
    found += [
        face.fault(1, f"{name} is the name of a module; export what is in it, under another name")
        for name in names
        if (root / package / f"{name}.py").exists() or (root / package / name).is_dir()
    ]
    if sorted(set(names)) != sorted(names):
        found.append(face.fault(1, "__all__ has a name twice"))
    return names, found


def _declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=value)
            ) if isinstance(value, ast.List | ast.Tuple):
                return [
                    part.value
                    for part in value.elts
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
    return None


def _bound(tree: ast.Module) -> dict[str, str]:
    """Return the names that a module binds, each with the module that it was imported from (empty: defined here)."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=module, names=aliases):
                bound |= {alias.asname or alias.name: module or "" for alias in aliases}
            case ast.Import(names=aliases):
                bound |= {(alias.asname or alias.name).split(".")[0]: "" for alias in aliases}
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                bound[name] = ""
            case ast.Name(id=name, ctx=ast.Store()):
                bound[name] = ""
    return bound


def _past_faces(source: Source, protected: dict[str, list[str]]) -> list[Fault]:
    """Return the imports of a module that reach into a protected package, or take what its face does not export."""
    found = []

    def inside(package: str) -> bool:
        return source.module == package or source.module.startswith(f"{package}.")

    for node in source.nodes:
        if isinstance(node, ast.Import):
            found += [
                source.fault(node, f"imports {alias.name}; import names from {package}")
                for alias in node.names
                for package in protected
                if (alias.name == package or alias.name.startswith(f"{package}."))
                and not inside(package)
            ]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for package, names in protected.items():
                if inside(package):
                    continue
                if node.module.startswith(f"{package}."):
                    found.append(
                        source.fault(node, f"imports from {node.module}; import from {package}")
                    )
                elif node.module == package:
                    found += [
                        source.fault(node, f"{package} does not export {alias.name}")
                        for alias in node.names
                        if alias.name not in names
                    ]
            for alias in node.names:
                face = protected.get(f"{node.module}.{alias.name}")
                if face is not None:
                    found += _attributes(source, alias.asname or alias.name, alias.name, face)
    return found


def _attributes(source: Source, local: str, package: str, names: Sequence[str]) -> Iterator[Fault]:
    """Yield the uses of a face, imported under a local name, that take what it does not export."""
    for node in source.nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if (
                name == local and attribute not in names
            ):
                yield source.fault(node, f"{package} does not export {attribute}")
