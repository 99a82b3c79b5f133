"""What a response says when something that the service needs is away: the disk, the object store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from app.core.config import Settings
from app.services.platform.platform import Platform
from tests.integration.api.conftest import Tenant
from tests.integration.api.scene import create_audience

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> Iterator[Settings]:
    """Settings whose cache is on a small file system of its own, if the test is about one and may mount it."""
    if "full_disk" not in request.node.name:
        yield settings
        return
    small = tmp_path / "small"
    small.mkdir()
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], capture_output=True
        ).returncode
        == 0
    )
    yield settings.model_copy(update={"cache_dir": small if mounted else None})
    if mounted:
        subprocess.run(["umount", "-l", str(small)], check=True)


async def test_a_patch_on_a_full_disk_is_507_and_names_the_disk(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    if platform.settings.cache_dir is None:
        pytest.skip("this process may not mount a small file system")
    audience = await create_audience(api, tenant, definition={"query": ""})
    path = f"/spaces/{tenant.space_id}/audiences/{audience}/members"
    rows = [
        {"profile_id": token_hex(16), "email": f"{token_hex(16)}@example.com"} for _ in range(1000)
    ]
    free = shutil.disk_usage(platform.settings.cache).free
    # Room for the rows, which Python writes, and hardly any for the engine's file
    room = len(json.dumps(rows)) + 8192
    (platform.settings.cache / "filler").write_bytes(b"x" * (free - room))
    full = await api.patch(path, json={"add": rows})
    assert full.status_code == 507
    assert "disk is full" in full.json()["errors"][0]["message"]
    (platform.settings.cache / "filler").unlink()
    assert (await api.patch(path, json={"add": rows})).status_code == 200


async def test_an_upload_names_a_store_that_is_away(
    api: httpx.AsyncClient, tenant: Tenant, platform: Platform
) -> None:
    audience = await create_audience(api, tenant, definition={"query": ""})
    path = f"/spaces/{tenant.space_id}/audiences/{audience}/members"
    folder = unquote(urlsplit(platform.settings.storage).path)
    shutil.move(folder, f"{folder}.moved")
    Path(folder).touch()  # noqa: ASYNC240  a test may block
    ready = await api.get("/health/ready")
    assert ready.status_code == 503
    assert (ready.json()["database"], ready.json()["store"]) == (True, False)
    assert "Not a directory" in ready.json()["reasons"]["store"]
    away = await api.put(path, content=b"profile_id\np1\n", headers=CSV)
    assert away.status_code == 503
    assert away.json()["errors"][0]["message"] == "The object store is unavailable; try again."
