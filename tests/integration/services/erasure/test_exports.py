"""Exported files in the service's own store."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.services.erasure import exports
from tests.apart import rest_in_walks
from tests.flow import Flow
from tests.integration.services.erasure.leaks import (
    ADA,
    GRACE,
    ask_to_erase,
    carried_out,
    erase,
    leaks,
    one_pass,
)

pytestmark = pytest.mark.installation(stepped=True)


def friends(manifests: list[Path]) -> set[str | None]:
    """Return what the files say about the friend of the other person, who stays."""
    found: set[str | None] = set()
    for path in manifests:
        file = path.with_name(json.loads(path.read_text())["file"])
        if file.suffix == ".parquet":
            rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
        else:
            content = file.read_bytes()
            plain = gzip.decompress(content) if file.suffix == ".gz" else content
            rows = list(csv.DictReader(io.StringIO(plain.decode()), delimiter=";"))
        found |= {row["friend"] or None for row in rows if "p-grace-3" in row.values()}
    return found


@pytest.mark.walk
@pytest.mark.parametrize(
    "options",
    rest_in_walks(
        [
            {"format": "csv", "delimiter": ";", "compression": "gzip"},
            {"format": "csv", "delimiter": ";"},
            {"format": "parquet"},
        ]
    ),
)
async def test_rows_of_the_person_go_and_the_manifest_fits(
    flow: Flow, options: dict[str, Any]
) -> None:
    await flow.use_account("file-download", {})
    activation = await flow.activate(connectionSettings=options, properties=["friend"])
    await flow.upload([ADA, {**GRACE, "friend": "call ada@example.com"}])
    assert (await flow.quiet(activation)).state == "complete"
    assert await leaks(flow)
    erasure = await erase(flow)
    assert await leaks(flow) == []
    assert await leaks(flow, "grace@example.com")
    assert erasure.found["places"]["exports"]["rows"] >= 1
    folder = Path(flow.platform.settings.storage.removeprefix("file://")) / "exports"
    manifests = sorted(folder.rglob("*.manifest.json"))
    assert manifests
    assert friends(manifests) == {None}
    for path in manifests:
        manifest = json.loads(path.read_text())
        content = path.with_name(manifest["file"]).read_bytes()
        assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
        assert manifest["bytes"] == len(content)
        assert manifest["rows"] + manifest.get("erased", 0) == sum(manifest["counts"].values())


@pytest.mark.walk
async def test_a_manifest_that_a_crash_left_behind_is_fitted(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow.use_account("file-download", {})
    activation = await flow.activate()
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    erasure_id = await ask_to_erase(flow)

    async def dies(*arguments: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(exports, "_fit_manifest", dies)
        with pytest.raises(asyncio.CancelledError):
            await one_pass(flow, erasure_id)
    await carried_out(flow, erasure_id)
    folder = Path(flow.platform.settings.storage.removeprefix("file://")) / "exports"
    for path in folder.rglob("*.manifest.json"):
        manifest = json.loads(path.read_text())
        content = path.with_name(manifest["file"]).read_bytes()
        assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
        assert (manifest["rows"] + 1, manifest["erased"]) == (sum(manifest["counts"].values()), 1)
