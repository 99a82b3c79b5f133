"""Tests of a partner's client in another language against its emulator. ``make clients`` runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.sandbox.braze import DEFAULT_GROUP, DEFAULT_KEY, BrazeEmulator
from app.sandbox.sandbox import Sandbox
from tests.clients.test_generated_clients import HERE, run

pytestmark = pytest.mark.clients

BRAZE = "braze-api@2.13.4"
CALLS = 12


async def test_braze_api(tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("needs node and npm")
    (tmp_path / "package.json").write_text(json.dumps({"private": True}))
    shutil.copy(HERE / "braze.cjs", tmp_path)
    await run(npm, "install", "--no-audit", "--no-fund", BRAZE, folder=tmp_path)
    partner = BrazeEmulator(limits=False)
    async with Sandbox([partner]) as sandbox:
        url = sandbox.urls["braze"]
        printed = await run(node, "braze.cjs", url, DEFAULT_KEY, DEFAULT_GROUP, folder=tmp_path)
        assert printed.splitlines()[-1] == "braze-api: all calls done"
        assert len(printed.splitlines()) == CALLS + 1
        assert len(sandbox.recorder.listed("braze", 100)) == CALLS
        assert partner.violations == []
