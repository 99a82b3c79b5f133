"""The page of the audit trail."""

from __future__ import annotations

from tests.integration.console.conftest import Browser


async def test_the_trail_is_filtered_and_downloaded(browser: Browser) -> None:
    flow = browser.flow
    one = f"/console/spaces/{flow.space_id}/destinations/{flow.destination_id}"
    await browser.open(f"{one}?tab=settings")
    await browser.send(f"{one}/rename?tab=settings", {"name": "=Ours"})
    page = await browser.open("audit")
    assert page.status_code == 200
    assert "Destination Modified by browser 1 change name: " in browser.text
    assert "becomes → =Ours =Ours Account at a destination browser " in browser.text
    page = await browser.open(f"audit?resourceType=destination&resourceId={flow.destination_id}")
    assert "Destination Modified" in browser.text
    assert f"/audit-changes?resourceType=destination&amp;resourceId={flow.destination_id}" in (
        page.text.replace("&amp;amp;", "&amp;")
    )
    await browser.open("audit?to=2020-01-01")
    assert "No event matches" in browser.text
    page = await browser.open("audit.csv?resourceType=destination")
    lines = page.text.splitlines()
    assert lines[0] == (
        "timestamp,type,resource_type,resource_name,resource_id,actor,id,actor_name,field,before,after"
    )
    assert f",Destination Modified,destination,'=Ours,{flow.destination_id}," in lines[1]
    assert lines[1].endswith(",name,Hook,'=Ours")
    assert (await browser.open("audit?from=monday")).status_code == 422
