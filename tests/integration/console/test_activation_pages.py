"""The pages of an activation and its syncs, with their actions."""

from __future__ import annotations

import re

import pytest

from tests.integration.console.conftest import Browser


def _path(browser: Browser, activation: str) -> str:
    flow = browser.flow
    return f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"


@pytest.mark.walk
async def test_an_activation_is_run_stopped_enabled_renamed_and_deleted(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    path = _path(browser, activation)
    await browser.open(path)
    assert "Sends Buyers to Hook (Signed webhook) after each run." in browser.text
    assert 'hx-trigger="every 2s"' in (browser.page.text if browser.page else "")
    assert 'hx-select-oob="#first-action,#part"' in (browser.page.text if browser.page else "")
    await flow.quiet(activation)
    page = await browser.open(path)
    assert "Complete. The last sync sent 3 of 3 changes." in browser.text
    assert "every 2s" not in page.text, "nothing is open"
    await browser.send(f"{path}/run")
    assert "Sync 2 was opened." in browser.text
    await flow.quiet(activation)
    await browser.open(path)
    await browser.send(f"{path}/dry-run")
    await flow.quiet(activation)
    await browser.open(path)
    await browser.send(f"{path}/stop")
    assert "Disabled: nothing is sent." in browser.text
    assert "sends no updates" in browser.text
    page = await browser.post(f"{path}/run", browser.form(f"{path}/enable"))
    assert page.status_code == 409, "the service's own refusal"
    assert "The activation is not enabled" in page.text
    await browser.open(path)
    await browser.send(f"{path}/enable")
    assert (await flow.activation(activation)).enabled
    await browser.open(f"{path}?tab=options")
    page = await browser.send(f"{path}/rename?tab=options", {"name": ""})
    assert page.status_code == 422
    assert 'id="name-fault"' in page.text
    await browser.open(f"{path}?tab=options")
    await browser.send(f"{path}/rename?tab=options", {"name": "<b>Best</b>"})
    assert "&lt;b&gt;Best&lt;/b&gt;" in (browser.page.text if browser.page else "")
    assert "the 3 members that it has stay there, with the properties" in browser.text
    await browser.send(f"{path}/delete")
    assert "The activation is deleted." in browser.text
    assert (await browser.open(path)).status_code == 404


@pytest.mark.walk
async def test_each_tab_shows_its_part(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    path = _path(browser, activation)
    for tab, words in {
        "syncs": "Complete",
        "mapping": "Identifiers",
        "options": "Audience Membership Changed",
        "held": "p1 id of the member p1 There",
        "revisions": "The first settings",
        "test": "Send this profile now",
        "audit": "No events",
    }.items():
        page = await browser.open(f"{path}?tab={tab}")
        assert page.status_code == 200
        assert words in browser.text, tab
    assert (await browser.open(f"{path}?tab=none")).status_code == 422
    await browser.open(f"{path}?tab=mapping")
    page = await browser.send(f"{path}/mapping?tab=mapping", {"mapping": '{"a": }'})
    assert page.status_code == 422
    assert "line 1, column 7" in browser.text
    assert "{&#34;a&#34;: }" in page.text, "what was typed is kept"


@pytest.mark.walk
async def test_a_first_start_asks_what_happens_to_the_members(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    for choice, sent in (({"resync": "yes"}, 3), ({}, 0)):
        activation = await flow.activate(enabled=False)
        path = _path(browser, activation)
        await browser.open(path)
        assert "Count them as already there" in browser.text
        fields = {"form_token": browser.form(f"{path}/enable")["form_token"], **choice}
        await browser.post(f"{path}/enable", fields)
        assert (await flow.quiet(activation)).delivered == sent


@pytest.mark.walk
async def test_a_start_that_is_stopped_before_its_plan_leaves_the_question_open(
    browser: Browser,
) -> None:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(enabled=False)
    path = _path(browser, activation)
    for action in ("dry-run", "enable", "stop"):
        await browser.open(path)
        await browser.post(f"{path}/{action}", browser.form("/console/sign-out"))
    assert [sync.state for sync in await flow.syncs(activation)] == ["new", "cancelled"]
    await browser.open(path)
    assert "Count them as already there" in browser.text
    await browser.send(f"{path}/enable", {"resync": "yes"})
    assert (await flow.quiet(activation)).delivered == 3
    await browser.open(path)
    await browser.send(f"{path}/stop")
    await browser.open(path)
    assert "Count them as already there" not in browser.text, "the members are there"


async def test_a_sync_on_hold_is_approved_by_its_number_of_exits(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(20))
    activation = await flow.activate(resync=True, brake=True)
    await flow.quiet(activation)
    await flow.upload([{"profile_id": "new"}])
    sync = await flow.quiet(activation)
    path = f"{_path(browser, activation)}/syncs/{sync.id}"
    await browser.open(path)
    assert "10 of 20 members that leave." in browser.text
    assert "p10 p10 id of the member" in browser.text
    for typed, status, words in (
        ("", 422, "Type the number of members that leave."),
        ("19", 409, "The number of members that leave is 20, not 19"),
    ):
        page = await browser.send(f"{path}/approve", {"exits": typed})
        assert page.status_code == status
        assert words in browser.text
    await browser.send(f"{path}/approve", {"exits": "20"})
    assert "Sync 2 was approved." in browser.text
    assert (await flow.quiet(activation)).state == "complete"
    await browser.open(path)
    assert "21 delivered" in browser.text
    assert "HTTP 2" in browser.text
    assert (
        f"Version of the settings 1 {sync.revision_id} Copy Snapshot Buyers, 2 snp_" in browser.text
    )
    assert "Approved by browser Version of the settings" in browser.text
    page = await browser.open(f"{path}/rejections.csv")
    assert page.text.splitlines() == ["code,changes,row,message"]
    page = await browser.open("syncs.csv?status=complete")
    assert [line.split(",")[7] for line in page.text.splitlines()] == [
        "status",
        "complete",
        "complete",
    ]
    await browser.open("syncs?status=complete")
    assert "2 syncs" in browser.text
    assert (await browser.open("syncs?status=odd")).status_code == 422


async def test_a_read_token_sees_pages_without_what_it_may_not_do(visitor: Browser) -> None:
    await visitor.sign_in("read")
    flow = visitor.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    path = _path(visitor, activation)
    page = await visitor.open(path)
    assert page.status_code == 200
    assert page.text.count('method="post"') == 1, "only the sign-out"
    token = visitor.form("/console/sign-out")
    actions = ("run", "resync", "dry-run", "enable", "stop", "rename", "mapping", "delete")
    for action in (*actions, "options", "return", "test-send", "drift", "drift-repair"):
        refused = await visitor.post(f"{path}/{action}", token)
        assert refused.status_code == 403, action
        assert "lacks the scope write" in refused.text
    assert (await visitor.post(f"{path}/run", {"form_token": "x"})).status_code == 403


async def test_another_workspace_is_not_seen(browser: Browser) -> None:
    await browser.flow.members(range(3))
    activation = await browser.flow.activate(resync=True)
    path = _path(browser, activation).replace(browser.flow.space_id, "spa_other")
    assert (await browser.open(path)).status_code == 404
    foreign = _path(browser, activation).replace(browser.flow.audience_id, "aud_other")
    assert (await browser.open(foreign)).status_code == 404


@pytest.mark.walk
async def test_what_was_rejected_for_one_reason_is_retried(browser: Browser) -> None:
    flow = browser.flow
    flow.receiver.refused = {"p1": "blocked"}
    await flow.members(range(4))
    activation = await flow.activate(resync=True)
    sync = await flow.quiet(activation)
    assert sync.rejections is not None
    (reason,) = sync.rejections["counts"]
    path = f"{_path(browser, activation)}/syncs/{sync.id}"
    await browser.open(path)
    assert "Retry what was rejected: Rejected by the receiver" in browser.text
    assert f"Rejected by the receiver {reason} 1" in browser.text
    page = await browser.send(f"{path}/retry", {"reason": "other"})
    assert page.status_code == 422
    assert f"it rejected for {reason} (1)" in browser.text
    flow.receiver.refused = {}
    await browser.open(path)
    await browser.send(f"{path}/retry", {"reason": reason})
    assert "sends once more what was rejected (Rejected by the receiver)." in browser.text
    done = await flow.quiet(activation)
    assert (done.trigger, done.retried, done.delivered) == (
        "retry",
        [{"sync": sync.id, "reason": reason}],
        1,
    )


@pytest.mark.walk
async def test_a_row_of_the_list_runs_stops_enables_and_deletes(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    path = _path(browser, activation)
    await browser.open("activations")
    await browser.send(f"{path}/run")
    assert "Sync 2 was opened." in browser.text
    await flow.quiet(activation)
    await browser.open(f"destinations/{flow.destination_id}?tab=activations")
    await browser.send(f"{path}/stop")
    assert "sends no updates" in browser.text
    await browser.open("activations?activity=inactive")
    await browser.send(f"{path}/enable")
    assert (await flow.activation(activation)).enabled
    await browser.open("activations")
    assert "The 3 members that Hook has stay there." in browser.text
    await browser.send(f"{path}/delete")
    assert "The activation is deleted." in browser.text
    first = await flow.activate(enabled=False)
    page = await browser.open("activations?activity=inactive")
    assert f'href="{_path(browser, first)}/start"' in page.text, "members wait for an answer"
    assert f'action="{_path(browser, first)}/enable"' not in page.text


@pytest.mark.walk
async def test_the_files_of_a_sync_are_downloaded_from_its_page(browser: Browser) -> None:
    flow = browser.flow
    await flow.use_account("file-download", {})
    await flow.members(range(3))
    activation = await flow.activate(resync=True)
    sync = await flow.quiet(activation)
    page = await browser.open(f"{_path(browser, activation)}/syncs/{sync.id}")
    links = re.findall(r'href="([^"]+/exports/[^"]+)" download>([^<]+)', page.text)
    assert len(links) == 1, "without its manifest"
    address, name = links[0]
    assert name.endswith(".csv")
    assert "/exports&#39;" in page.text, "as curl"
    file = await browser.http.get(address)
    assert len(file.text.splitlines()) == 1 + 3
