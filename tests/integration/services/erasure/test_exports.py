"""Exported files in the service's own store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.flow import Flow
from tests.integration.services.erasure.leaks import ADA, GRACE, erase, leaks

pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "csv", "delimiter": ";"},
        {"format": "csv", "compression": "gzip"},
        {"format": "parquet"},
    ],
)
async def test_rows_of_the_person_go_and_the_manifest_fits(
    flow: Flow, options: dict[str, Any]
) -> None:
    await flow.use_account("file-download", {})
    activation = await flow.activate(connectionSettings=options, properties=["friend"])
    await flow.upload([ADA, GRACE])
    assert (await flow.quiet(activation)).state == "complete"
    assert await leaks(flow)
    erasure = await erase(flow)
    assert await leaks(flow) == []
    assert await leaks(flow, "grace@example.com")
    assert erasure.found["places"]["exports"]["rows"] >= 1
    folder = Path(flow.platform.settings.storage.removeprefix("file://")) / "exports"
    manifests = sorted(folder.rglob("*.manifest.json"))
    assert manifests
    for path in manifests:
        manifest = json.loads(path.read_text())
        content = path.with_name(manifest["file"]).read_bytes()
        assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
        assert manifest["bytes"] == len(content)
        assert manifest["rows"] + manifest.get("erased", 0) == sum(manifest["counts"].values())
