"""Who a sync left out: the page, its CSV file, and the links to it."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from app.console.pages import left_out
from tests.integration.api_extensions.test_left_out import SPLIT, rows
from tests.integration.console.conftest import Browser


@pytest.mark.walk
async def test_the_numbers_of_a_sync_link_to_its_left_out_members(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload(rows(20))
    activation = await flow.activate(resync=True, consent="ok", split=SPLIT, splitProperty="arm")
    sync = await flow.quiet(activation)
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    address = f"{path}/syncs/{sync.id}/left-out"
    page = await browser.open(f"{path}/syncs/{sync.id}")
    assert f'href="{address}?reason=no_consent"' in page.text
    assert f'href="{address}"' in page.text
    await browser.open(path)
    assert f'href="{address}"' in (browser.page.text if browser.page else "")
    await browser.open(f"{path}/syncs/{sync.id}")
    assert "Part Wanted share Members In the plan Left out A wanted: 25 % 25 %" in browser.text
    assert "none not sent wanted: 50 % 50 %" in browser.text
    page = await browser.open(address)
    assert page.status_code == 200
    assert "5 without consent" in browser.text
    assert "It has not given the consent that the activation requires." in browser.text
    assert "p04" in browser.text
    assert "p4@x.com email false ok" in browser.text
    assert f'href="{path}/profiles/p04"' in page.text
    assert "Parts of the split" in browser.text
    await browser.open(f"{address}?reason=control")
    assert "It is in an arm of the split that is not sent." in browser.text
    assert "It has not given the consent" not in browser.text
    assert (await browser.open(f"{address}?reason=bad")).status_code == 422
    file = await browser.open(f"{address}.csv?reason=no_consent")
    lines = file.text.splitlines()
    assert lines[0] == "member_id,profile_id,reason,message,part,key,same_key_as,email,ok"
    assert len(lines) == 6
    assert lines[2].startswith("p04,p04,no_consent,It has not given")
    assert lines[2].endswith("p4@x.com,false")


@pytest.mark.walk
async def test_a_dry_run_links_to_who_would_be_left_out(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload(rows(8))
    activation = await flow.activate(enabled=False, consent="ok", split=SPLIT, splitProperty="arm")
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    await browser.open(f"{path}/start")
    await browser.send(f"{path}/start/dry-run")
    await flow.quiet(activation)
    page = await browser.open(f"{path}/start")
    assert "/left-out?reason=no_consent" in page.text
    assert "Part Wanted share Members Would be sent Left out" in browser.text
    address = page.text.split('/left-out"')[0].rsplit('"', 1)[1] + "/left-out"
    await browser.open(address)
    assert "Members of Buyers that the dry run would not send" in browser.text


@pytest.mark.walk
async def test_an_activation_shows_the_parts_of_its_last_sync(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload(rows(20, ok=True))
    activation = await flow.activate(resync=True, split=SPLIT, splitProperty="arm")
    sync = await flow.quiet(activation)
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    page = await browser.open(path)
    assert "Parts of the split sync 1" in browser.text
    assert f'href="{path}/syncs/{sync.id}/left-out"' in page.text
    await browser.open(f"{path}?tab=options")
    assert "Parts of the split sync" not in browser.text


@pytest.mark.walk
async def test_the_lists_of_a_split_are_named_before_it_is_sent(browser: Browser) -> None:
    flow = browser.flow
    other = await flow.another_audience()
    await other.upload(rows(8))
    await other.use_account("klaviyo", {"api_key": "pk_1234567890abcdef"})
    draft = {
        "goal": "segment",
        "audience": other.audience_id,
        "frequency": "once",
        "destination": flow.destination_id,
        "name": "Spring",
        "split": "ab",
    }
    step = f"/console/spaces/{flow.space_id}/activations/new/settings?"
    await browser.open(step + urlencode(draft))
    assert "Creates the lists Spring (A), Spring (B)." in browser.text
    for changed in ({"list": "L1"}, {"split": "none"}, {"split.property": "part"}):
        await browser.open(step + urlencode({**draft, **changed}))
        assert "Creates the lists" not in browser.text, changed
    activation = await flow.activate(enabled=False, split=SPLIT)
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    await flow.upload(rows(8))
    await browser.open(f"{path}/start")
    await browser.send(f"{path}/start/dry-run")
    await flow.quiet(activation)
    page = await browser.open(f"{path}/start")
    name = (await flow.activation(activation)).name
    assert "Part List Wanted share" in browser.text
    assert f"{name} (A) would be created" in browser.text
    assert f"{name} (B) would be created" in browser.text
    assert f"{name} (none)" not in page.text


async def test_home_says_how_many_a_one_time_send_left_out(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload(rows(20))
    once = await flow.activate(resync=True, options={"frequency": {"type": "once"}}, consent="ok")
    sync = await flow.quiet(once)
    page = await browser.open("")
    assert "Delivered Rejected Left out" in browser.text
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{once}"
    assert f'href="{path}/syncs/{sync.id}/left-out">5</a>' in page.text
    await flow.sign_in(browser.http)
    answer = await browser.http.get(f"http://console.test/spaces/{flow.space_id}/summary")
    assert answer.json()["data"]["summary"]["finished"][0]["leftOut"] == 5


@pytest.mark.walk
async def test_nobody_was_left_out(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    sync = await flow.quiet(activation)
    path = f"audiences/{flow.audience_id}/activations/{activation}/syncs/{sync.id}"
    await browser.open(path)
    assert "Who was left out" not in browser.text
    await browser.open(f"{path}/left-out")
    assert "Nobody was left out" in browser.text


@pytest.mark.walk
async def test_the_parts_of_a_large_audience_are_counted_on_demand(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = browser.flow
    await flow.upload(rows(20))
    activation = await flow.activate(resync=True, split=SPLIT, splitProperty="arm")
    sync = await flow.quiet(activation)
    monkeypatch.setattr(left_out, "MOST", 19)
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    address = f"{path}/syncs/{sync.id}/left-out"
    page = await browser.open(address)
    assert "Wanted share" not in browser.text
    assert f'href="{address}?arms=all"' in page.text
    await browser.open(f"{address}?arms=all")
    assert "Part Wanted share Members In the plan Left out" in browser.text
