"""The batches of a sync with their attempts, a sample of its plan, and an approval that names the number of exits."""

from __future__ import annotations

import pytest

from tests.integration.api_extensions.desk import Desk


@pytest.mark.walk
async def test_a_plan_is_sampled_approved_by_its_number_and_shown_batch_by_batch(
    desk: Desk,
) -> None:
    activation, sync = await desk.hold()
    path = desk.path(activation, f"/syncs/{sync}")
    leaving = (await desk.data("GET", f"{path}/changes"))["changes"]
    assert len(leaving) == 20
    assert {one["kind"] for one in leaving} == {"exited"}
    assert {"p3", "p19"} <= {one["profileId"] for one in leaving}
    entering = (await desk.data("GET", f"{path}/changes?kind=entered"))["changes"]
    assert [one["profileId"] for one in entering] == ["new"]
    assert (await desk.refused("GET", f"{path}/changes?kind=all"))["field"] == "kind"
    waiting = (await desk.data("GET", f"{path}/batches"))["batches"]
    assert [(one["status"], one["kind"], one["attempts"]) for one in waiting] == [
        ("waiting", "exited", []),
        ("waiting", "entered", []),
    ]
    assert [one["arms"] for one in waiting] == [[], []], "there is no split"
    refused = await desk.refused("POST", f"{path}/approve", json={"exits": 19})
    assert (refused["code"], refused["field"], refused["message"]) == (
        409,
        "exits",
        "The plan has 20 exits, not 19; nothing was approved.",
    )
    approved = await desk.data("POST", f"{path}/approve", json={"exits": 20})
    assert approved["sync"]["status"] == "pending"
    await desk.flow.quiet(activation)
    batch, _ = (await desk.data("GET", f"{path}/batches"))["batches"]
    assert (batch["status"], batch["delivered"]) == ("settled", 20)
    (attempt,) = batch["attempts"]
    assert (attempt["outcome"], attempt["httpStatus"]) == ("delivered", 200)
    assert (await desk.refused("GET", desk.path(activation, "/syncs/syn_none/batches")))[
        "code"
    ] == 404
    page = await desk.data("GET", f"{path}/batches?pagination[count]=1")
    assert [one["number"] for one in page["batches"]] == [1]
    following = page["pagination"]["next"]
    page = await desk.data(
        "GET", f"{path}/batches?pagination[count]=1&pagination[cursor]={following}"
    )
    assert [one["number"] for one in page["batches"]] == [2]
