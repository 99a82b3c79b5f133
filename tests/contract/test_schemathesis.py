"""schemathesis against the running service, by both documents: no server error, no response outside its schema.

A few examples for each operation here; ``SCHEMATHESIS_EXAMPLES=100`` is the long run, which adds the coverage phase.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.config import Settings
from app.main import create_app
from app.services.platform.platform import Platform
from tests.integration.api.conftest import create_tenant
from tests.serving import listening

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
PHASES = "examples,coverage,fuzzing,stateful" if EXAMPLES > 20 else "examples,fuzzing,stateful"

# The space is a real one, so that requests come further than its 404. A body that fits the schema may still be
# refused by what the schema cannot say: that is a 4xx, and documented. Uploads are not JSON; they have their own tests.
CONFIGURATION = """
[parameters]
"path.spaceId" = "{space}"
"path.audienceType" = "USERS"

[checks]
positive_data_acceptance.expected-statuses = [200, 400, 401, 403, 404, 409, 413, 415, 422, 429]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]
"""


@pytest.mark.walk
async def test_no_server_error_and_no_schema_violation(
    platform: Platform, settings: Settings, tmp_path: Path
) -> None:
    tenant = await create_tenant(platform)
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(space=tenant.space_id))
    unlimited = settings.model_copy(update={"rate_limits": "off"})
    async with listening(create_app(unlimited, platform=platform)) as url:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{url}/openapi.json",
            "--header",
            f"Authorization: {tenant.headers['Authorization']}",
            "--checks=all",
            f"--phases={PHASES}",
            f"--max-examples={EXAMPLES}",
            "--no-color",
        ]
        found = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert found.returncode == 0, (
        found.stdout[found.stdout.find("= FAILURES =") :][:8000] + found.stderr[-2000:]
    )
