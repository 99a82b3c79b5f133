"""What comes from npm is what the manifest says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from app.core.pages import STATIC

VENDOR = STATIC / "vendor"
PACKAGES = Path(__file__).parents[3] / "vendor" / "package-lock.json"


def test_each_file_has_the_digest_of_the_manifest() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    found = {path.name for path in VENDOR.iterdir()} - {"manifest.json", "LICENCES.txt"}
    assert found == set(manifest)
    for name, entry in manifest.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == entry["sha256"], name


def test_versions_are_those_of_the_lock_and_have_a_licence() -> None:
    lock = json.loads(PACKAGES.read_text())["packages"]
    licences = (VENDOR / "LICENCES.txt").read_text()
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    for entry in manifest.values():
        for name, version in entry["packages"].items():
            assert lock[f"node_modules/{name}"]["version"] == version
            assert f"{name} {version}\n" in licences
