"""Files that no row names: deleted at once, unless work that began before may read them."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import update

from app.core import clock
from app.services.erasure import carry_on_erasure
from app.storage.models import Sync
from tests.flow import Flow
from tests.integration.services.erasure.leaks import (
    ADA,
    GRACE,
    ask_to_erase,
    carried_out,
    files_of,
    leaks,
    one_pass,
    state_of,
)
from tests.stepping import Hand

pytestmark = pytest.mark.installation(stepped=True)


@pytest.mark.walk
async def test_a_file_that_is_being_read_is_waited_for(flow: Flow) -> None:
    activation = await flow.activate(resync=True)
    await flow.upload([ADA, GRACE])
    await flow.quiet(activation)
    await Hand(flow).start(activation, kind="resync")
    async with flow.platform.unit_of_work() as session:
        await session.execute(
            update(Sync).where(Sync.state == "new").values(lease_owner="another:1:arq")
        )
    erasure_id = await ask_to_erase(flow)
    await one_pass(flow, erasure_id)
    erasure = await one_pass(flow, erasure_id)
    assert "reader" in [wait["reason"] for wait in erasure.waits]
    assert erasure.unnamed
    assert any("snapshots" in place for place in await leaks(flow))
    await carried_out(flow, erasure_id)
    assert await leaks(flow) == []
    assert flow.received(activation) == {"p-grace-3"}


@pytest.mark.walk
async def test_a_file_that_was_just_written_is_waited_for(flow: Flow) -> None:
    """The upload of a run that has just ended has no row any more, and nobody reads it."""
    await flow.upload([ADA, GRACE])
    (upload,) = (file for file in files_of(flow) if file.name.startswith("upl_"))
    now = clock.now().timestamp() + 60
    os.utime(upload, (now, now))
    erasure_id = await ask_to_erase(flow)
    for _ in range(3):
        await flow.platform.hot.execute("UPDATE erasure SET next_at = NULL")
        await carry_on_erasure(flow.platform, flow.space_id, erasure_id, lane="test")
    erasure = await state_of(flow, erasure_id)
    assert (erasure.state, [one["reason"] for one in erasure.waits]) == ("waiting", ["reader"])
    assert upload.exists()
    await carried_out(flow, erasure_id)
    assert await leaks(flow) == []
