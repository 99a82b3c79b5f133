"""Tests of Segment's SDK, and of clients that are generated from ``openapi/segment.json``, against the service.

``make clients`` runs them. A test is skipped, with the reason, if its tools are not installed.
"""

from __future__ import annotations

import asyncio
import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Service
from tests.contract.documents import FOLDER

pytestmark = pytest.mark.clients

DOCUMENT = FOLDER / "segment.json"
HERE = Path(__file__).parent
PYTHON_GENERATOR = "openapi-python-client==0.29.1"
NODE_PACKAGES = ("openapi-typescript@7", "openapi-fetch@0.17", "typescript@5", "@types/node@22")
#: The newest published version. It has audiences, spaces and the audit trail, but no activations yet.
OFFICIAL = "@segment/public-api-sdk-typescript@47.0.0-b8398"
TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "noEmit": False,
        "target": "es2022",
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "types": ["node"],
        "skipLibCheck": True,
    },
    "files": ["life.ts"],
}


async def run(*command: str | Path, folder: Path) -> str:
    """Run a command. Returns its output, and fails the test with its output if the command fails."""
    found = await asyncio.to_thread(
        subprocess.run,
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert found.returncode == 0, f"{command}\n{found.stdout}\n{found.stderr}"
    print(found.stdout)
    return str(found.stdout)


async def test_python(service: Service, tmp_path: Path) -> None:
    tools = shutil.which("uvx") or shutil.which("uv", path=Path(sys.executable).parent)
    if tools is None:
        pytest.skip("needs uv, which runs the generator in an environment of its own")
    command = [tools] if Path(tools).name == "uvx" else [tools, "tool", "run"]
    await run(
        *command,
        "--from",
        PYTHON_GENERATOR,
        "--with",
        "ruff",
        "openapi-python-client",
        "generate",
        "--path",
        DOCUMENT,
        "--output-path",
        "client",
        folder=tmp_path,
    )
    assert compileall.compile_dir(tmp_path / "client", quiet=1)
    life = tmp_path / "client" / "life.py"
    shutil.copy(HERE / "life.py", life)
    # The generated client needs httpx and attrs, which this environment has.
    printed = await run(sys.executable, life, *service.arguments, folder=tmp_path)
    assert "all ten operations done" in printed


async def test_typescript(service: Service, tmp_path: Path) -> None:
    npm, npx, node = (shutil.which(name) for name in ("npm", "npx", "node"))
    if npm is None or npx is None or node is None:
        pytest.skip("needs node and npm")
    (tmp_path / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    (tmp_path / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    shutil.copy(HERE / "life.ts", tmp_path)
    await run(npm, "install", "--no-audit", "--no-fund", *NODE_PACKAGES, folder=tmp_path)
    await run(npx, "openapi-typescript", DOCUMENT, "-o", "schema.d.ts", folder=tmp_path)
    await run(npx, "tsc", "-p", ".", folder=tmp_path)
    printed = await run(node, "life.js", *service.arguments, folder=tmp_path)
    assert "all ten operations done" in printed


async def test_the_official_sdk(service: Service, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("needs node and npm")
    (tmp_path / "package.json").write_text(json.dumps({"private": True}))
    shutil.copy(HERE / "official.cjs", tmp_path)
    await run(npm, "install", "--no-audit", "--no-fund", OFFICIAL, folder=tmp_path)
    printed = await run(node, "official.cjs", *service.arguments, folder=tmp_path)
    assert "official sdk: audiences, spaces and audit trail done" in printed
