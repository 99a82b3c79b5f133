"""Supplied members, for the tests of runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import orjson

from app.core import clock
from app.core.ids import new_id
from app.services.audiences import runs
from app.services.audiences.member_patches import patch_members
from app.services.audiences.members import find_member
from app.storage.models import Audience, Run
from tests.flow import ACTOR, Flow


def row(number: int) -> dict[str, Any]:
    """One member, by number."""
    return {"profile_id": f"p{number}", "email": f"p{number}@example.com"}


async def upload(flow: Flow, numbers: Iterable[int], late: timedelta = timedelta(0)) -> Run:
    """Open the run of an upload, as a host whose clock is ``late`` would; does not wait for it."""
    path = flow.platform.engine.scratch_file(".ndjson")
    path.write_bytes(b"".join(orjson.dumps(row(n)) + b"\n" for n in numbers))
    key = f"spaces/{flow.space_id}/audiences/{flow.audience_id}/uploads/{new_id('upl')}.ndjson"
    sha256, size = await flow.platform.objects.put(path, key)
    file = {"key": key, "sha256": sha256, "rows": 0, "bytes": size}
    async with flow.platform.unit_of_work() as session:
        audience = await session.get(Audience, (flow.space_id, flow.audience_id))
        assert audience is not None
        return await runs.open_run(
            session,
            space_id=flow.space_id,
            audience=audience,
            kind="upload",
            trigger="upload",
            actor=ACTOR,
            now=clock.now() - late,
            input={"file": file, "format": "ndjson", "encoding": None},
        )


async def patch(flow: Flow, *add: int, remove: Iterable[int] = ()) -> Run:
    """Add and remove members; returns the run that will apply the change."""
    return await patch_members(
        flow.platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        add=[row(number) for number in add],
        remove=[f"p{number}" for number in remove],
        actor=ACTOR,
        now=clock.now(),
    )


async def is_member(flow: Flow, number: int) -> bool:
    """Whether the current snapshot holds a member."""
    found = await find_member(
        flow.platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        profile_id=f"p{number}",
    )
    return found.member is not None
