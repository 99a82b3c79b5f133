"""Build what the console takes from npm: ``make vendor`` installs the pinned packages and runs this file.

It copies htmx and Pico CSS, bundles the editor with esbuild, and writes the licences and ``manifest.json``
(``{file: {packages: {name: version}, sha256}}``) to ``app/console/static/vendor``. Its output is committed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
OUT = HERE.parent / "app" / "console" / "static" / "vendor"
COPIES = {
    "htmx.min.js": ("htmx.org", "dist/htmx.min.js"),
    "pico.min.css": ("@picocss/pico", "css/pico.min.css"),
}
BUILDERS = {"esbuild"}


def main() -> None:
    """Write all files anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    found = {}
    for name, (package, file) in COPIES.items():
        shutil.copyfile(MODULES / package / file, OUT / name)
        found[name] = {package: version_of(package)}
    found["editor.js"] = bundle()
    (OUT / "LICENCES.txt").write_text(licences({name for one in found.values() for name in one}))
    manifest = {
        name: {"packages": dict(sorted(packages.items())), "sha256": digest(OUT / name)}
        for name, packages in sorted(found.items())
    }
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def bundle() -> dict[str, str]:
    """Bundle the editor. Returns ``{package: version}`` of all that is in it."""
    meta = HERE / "node_modules" / ".meta.json"
    subprocess.run(
        [
            MODULES / ".bin" / "esbuild",
            "editor.js",
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2021",
            "--legal-comments=none",
            "--charset=utf8",
            f"--metafile={meta}",
            f"--outfile={OUT / 'editor.js'}",
        ],
        cwd=HERE,
        check=True,
    )
    names = set()
    for path in json.loads(meta.read_text())["inputs"]:
        _, inside, rest = path.partition("node_modules/")
        if inside:
            parts = rest.split("/")
            names.add("/".join(parts[: 2 if rest.startswith("@") else 1]))
    return {name: version_of(name) for name in names}


def version_of(package: str) -> str:
    """Return the installed version of a package."""
    return str(json.loads((MODULES / package / "package.json").read_text())["version"])


def licences(packages: set[str]) -> str:
    """Return the licence of each package, with its name and version."""
    parts = []
    for name in sorted(packages - BUILDERS):
        folder = MODULES / name
        file = next(
            path for path in sorted(folder.iterdir()) if path.name.lower().startswith("licen")
        )
        parts.append(f"{name} {version_of(name)}\n\n{file.read_text().strip()}\n")
    return f"\n{'-' * 80}\n\n".join(parts)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
