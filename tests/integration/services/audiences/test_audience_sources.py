"""The audiences of an activation, with who computes each."""

from __future__ import annotations

from app.core.ids import new_id
from app.services.audiences.audience_sources import computed_first, computed_sources
from app.storage.models import Activation, ActivationSource, Audience, AudienceSchedule
from tests.flow import ACTOR, Flow

DAILY = {"frequency": {"type": "daily", "at": "06:30", "zone": "UTC"}}


async def add_audience(flow: Flow, activation: str, position: int, *, scheduled: bool) -> str:
    """Add an audience that is defined by SQL to an activation."""
    audience_id = new_id("aud")
    async with flow.platform.unit_of_work() as session:
        audience = Audience(
            space_id=flow.space_id,
            id=audience_id,
            name=audience_id,
            key=audience_id,
            enabled=True,
            audience_type="USERS",
            query="SELECT 'p1' AS profile_id",
            created_by=ACTOR,
            updated_by=ACTOR,
        )
        session.add(audience)
        await session.flush()
        source = {"activation_id": activation, "position": position, "audience_id": audience_id}
        session.add(ActivationSource(space_id=flow.space_id, **source))
        if scheduled:
            schedule = {"strategy": "PERIODIC", "config": {"interval": "1d"}}
            session.add(
                AudienceSchedule(
                    space_id=flow.space_id, id=new_id("sch"), audience_id=audience_id, **schedule
                )
            )
    return audience_id


async def test_each_audience_has_who_computes_it(flow: Flow) -> None:
    activation = await flow.activate(options=DAILY)
    scheduled = await add_audience(flow, activation, 1, scheduled=True)
    own = await add_audience(flow, activation, 2, scheduled=False)
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        found = await computed_sources(session, row)
        assert [(one.audience.id, one.computed_by) for one in found] == [
            (flow.audience_id, "upload"),
            (scheduled, "schedule"),
            (own, "activation"),
        ]
        assert [len(one.schedules) for one in found] == [0, 1, 0]
        assert [one.id for one in await computed_first(session, row)] == [own]
