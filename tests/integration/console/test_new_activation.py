"""New activation over HTTP: the draft in the address, faults beside their fields, and what is saved."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.core.ids import new_hex_id
from app.services.accounts.settings import seal_settings
from app.services.activations import get_delivery_options
from app.services.audiences import create_audience, newest_run
from app.storage.models import ActivationRevision, AudienceSchedule, Dataset, Destination
from tests.flow import ACTOR, Flow
from tests.integration.console.conftest import BASE, Browser


def _step(browser: Browser, step: str, **draft: object) -> str:
    query = urlencode({name.replace("__", "."): text for name, text in draft.items()}, doseq=True)
    return f"/console/spaces/{browser.flow.space_id}/activations/new/{step}?{query}"


def _element(text: str, tag: str, mark: str) -> str:
    """Return the element whose tag has a mark, with what is in it."""
    start, depth = text.rindex(f"<{tag}", 0, text.index(mark)), 0
    for found in re.finditer(rf"<(/?){tag}\b", text[start:]):
        depth += -1 if found[1] else 1
        if depth == 0:
            return text[start : start + found.end()]
    raise AssertionError(f"{mark} is not closed")


def _draft(browser: Browser, **more: object) -> dict[str, object]:
    flow = browser.flow
    return {
        "goal": "segment",
        "audience": flow.audience_id,
        "frequency": "on_run",
        "destination": flow.destination_id,
        **more,
    }


async def _computed(browser: Browser, audience_id: str) -> None:
    """Compute the open run of an audience."""
    async with browser.flow.platform.unit_of_work() as session:
        run = await newest_run(session, browser.flow.space_id, audience_id)
    assert run is not None
    await browser.flow.finished(run.id)


async def _replace_by_repeated(browser: Browser, dataset: str) -> None:
    """Replace the content of a dataset by one whose key is in two rows, so that its audience cannot be computed."""
    address = f"/console/spaces/{browser.flow.space_id}/datasets/{dataset}"
    await browser.open(address)
    content = b"kundennr;nr;email\nK2;K2;ada@example.com\nK2;K2;bob@example.com\n"
    await browser.attach(f"{address}/replace", "kunden.csv", content)


async def _second_account(flow: Flow) -> str:
    """Create another account in the space; its id."""
    destination_id = new_hex_id()
    workspace = await flow.workspace_id()
    sealed = seal_settings(flow.platform.keyring, workspace, destination_id, {"api_key": "pk_x"})
    async with flow.platform.unit_of_work() as session:
        session.add(
            Destination(
                space_id=flow.space_id,
                id=destination_id,
                slug="klaviyo",
                name="Shop",
                settings=sealed,
                created_by=ACTOR,
                updated_by=ACTOR,
            )
        )
    return destination_id


async def test_a_step_continues_only_with_what_fits(browser: Browser) -> None:
    await browser.flow.members(range(3))
    page = await browser.open(_step(browser, "settings", goal="segment"))
    assert urlsplit(str(page.url)).path.endswith("/new/audiences"), (
        "the first step without a choice"
    )
    for step, words in {
        "goal": "Choose what the activation is for.",
        "audiences": "Choose an audience, or upload one.",
    }.items():
        await browser.open(
            _step(browser, step, goal="segment" if step == "audiences" else "", go="yes")
        )
        assert words in browser.text
    draft = _draft(browser, frequency="cron", frequency__expression="0 0 31 2 *")
    page = await browser.open(_step(browser, "schedule", go="yes", **draft))
    assert 'id="frequency.expression-fault"' in page.text
    assert "0 0 31 2 *" in page.text
    draft = _draft(
        browser, frequency="daily", frequency__at="06:30", frequency__zone="Europe/Berlin"
    )
    page = await browser.open(_step(browser, "schedule", go="yes", **draft))
    found = parse_qs(urlsplit(str(page.url)).query)
    assert urlsplit(str(page.url)).path.endswith("/new/destination")
    assert "go" not in found
    assert found["frequency.zone"] == ["Europe/Berlin"]
    assert "3 of 3 members can be sent." in browser.text


@pytest.mark.walk
async def test_an_uploaded_list_is_proposed_to_be_sent_once(browser: Browser) -> None:
    flow = browser.flow
    once, on_run = '<option value="once" selected>', '<option value="on_run" selected>'

    async def shown(**draft: object) -> str:
        draft = {"goal": "segment", "audience": flow.audience_id, **draft}
        return (await browser.open(_step(browser, "schedule", **draft))).text

    assert once in await shown()
    assert on_run in await shown(frequency="on_run"), "a choice stays"
    assert on_run in await shown(goal="attributes")
    for name in ("people", "orders"):
        await browser.open("datasets/new")
        action = f"/console/spaces/{flow.space_id}/datasets/new/file"
        await browser.attach(action, "a.csv", b"id,email\n1,a@x.com\n", {"name": name})
    made = {}
    for query, proposed in {
        "SELECT id AS profile_id, email FROM people": once,
        "SELECT people.id AS profile_id FROM people JOIN orders USING (id)": on_run,
    }.items():
        async with flow.platform.unit_of_work() as session:
            made[proposed] = await create_audience(
                session,
                space_id=flow.space_id,
                name="Buyers",
                query=query,
                audience_type="USERS",
                actor=ACTOR,
                now=clock.now(),
            )
        assert proposed in await shown(audience=made[proposed].audience.id), query
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Dataset).values(kind="object"))
    assert on_run in await shown(audience=made[once].audience.id), "it is read again by each run"


@pytest.mark.walk
async def test_members_that_cannot_be_sent_make_the_estimate_a_warning(browser: Browser) -> None:
    other = await browser.flow.another_audience()
    await other.upload(
        [
            {"profile_id": "p0", "email": "p0@example.com"},
            {"profile_id": "p1", "email": "n/a", "phone": "0170 1234567"},
        ]
    )
    await other.use_account("klaviyo", {"api_key": "pk_1234567890abcdef"})
    draft = _draft(browser, audience=other.audience_id)
    page = await browser.open(_step(browser, "destination", **draft))
    assert (
        "1 of 2 members can be sent. 1: without a usable e-mail address or other identifier; the phone number has no country"
        in browser.text
    )
    assert '<div class="message warn">' in page.text
    await other.upload([{"profile_id": "p0", "email": "p0@example.com"}])
    page = await browser.open(_step(browser, "destination", **draft))
    assert "1 of 1 members can be sent." in browser.text
    assert '<div class="message good">' in page.text
    assert '<div class="message warn">' not in page.text


async def test_the_only_account_is_chosen_already(browser: Browser) -> None:
    await browser.flow.members(range(3))
    draft = {**_draft(browser), "destination": ""}
    page = await browser.open(_step(browser, "destination", **draft))
    assert "3 of 3 members can be sent." in browser.text
    assert f'value="{browser.flow.destination_id}" checked' in page.text
    await _second_account(browser.flow)
    page = await browser.open(_step(browser, "destination", **draft))
    assert "members can be sent" not in browser.text
    assert " checked" not in page.text


@pytest.mark.walk
async def test_settings_are_saved_as_a_disabled_activation_with_a_dry_run(browser: Browser) -> None:
    flow = browser.flow
    await flow.upload(
        {"profile_id": f"p{i}", "email": f"p{i}@example.com", "plan": "pro"} for i in range(4)
    )
    await browser.open(_step(browser, "settings", **_draft(browser)))
    assert "p0@example.com" in browser.text, "the sample"
    save = f"/console/spaces/{flow.space_id}/activations/new/settings/save"
    fields = {
        "name": "Spring",
        "type": "Audience Entered",
        "mode": "append",
        "updates": "yes",
        "trait": "plan",
        "split": "holdout",
        "consent": "plan",
        "brake": "on",
        "brake.minRemovals": "many",
        "notifications.emails": "ada@example.com",
        "notifications.on": ["finished", "failed", "held", "error"],
    }
    page = await browser.send(save, fields)
    assert page.status_code == 422
    assert 'id="brake.minRemovals-fault"' in page.text
    assert 'value="Spring"' in page.text, "what was typed is kept"
    page = await browser.send(save, {**fields, "brake.minRemovals": "5"})
    assert page.status_code == 200
    assert "Spring is saved. Nothing is sent yet." in browser.text
    path = urlsplit(str(page.url)).path
    activation_id = path.split("/")[-2]
    row = await flow.activation(activation_id)
    assert (row.enabled, row.baseline_wanted) == (False, True)
    async with flow.platform.unit_of_work() as session:
        options = await get_delivery_options(
            session, flow.space_id, flow.audience_id, activation_id
        )
        revision = await session.get(ActivationRevision, (flow.space_id, row.revision_id))
    assert (options.mode, options.updates, options.consent) == ("append", True, "plan")
    assert [arm["weight"] for arm in options.arms] == [90, 10]
    assert (options.brake.min_removals, options.notifications["emails"]) == (5, ["ada@example.com"])
    assert revision is not None
    assert revision.config["activationType"] == "Audience Entered"
    assert revision.config["personalization"]["profile"]["properties"] == ["plan"]
    dry = await flow.quiet(activation_id)
    assert (dry.kind, dry.trigger) == ("dry_run", "resync")
    await browser.open(path)
    assert "without consent" in browser.text


@pytest.mark.walk
async def test_a_start_asks_what_happens_to_the_members(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    for choice, sent in (("send", 3), ("count", 0)):
        activation = await flow.activate(enabled=False)
        path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}/start"
        await browser.open(path)
        await browser.send(f"{path}/dry-run")
        await flow.quiet(activation)
        page = await browser.open(path)
        assert "Send the 3 who are in it now" in browser.text
        replaced = _element(page.text, "div", 'id="dry"')
        assert "Would be sent" in replaced
        assert "members" not in re.findall(r'name="([^"]+)"', replaced), (
            "a choice is kept when the dry run ends: it is not in the part that is replaced"
        )
        assert "checked" not in page.text, "nothing is chosen beforehand"
        page = await browser.send(f"{path}/begin")
        assert page.status_code == 422
        assert not (await flow.activation(activation)).enabled
        await browser.send(f"{path}/begin", {"members": choice})
        assert "Test is enabled." in browser.text
        assert (await flow.quiet(activation)).delivered == sent
        await browser.open(path)
        assert "is what would be sent if all members were sent again" in browser.text


@pytest.mark.walk
async def test_a_start_names_an_activation_that_could_be_the_same(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    other = replace(flow, destination_id=await _second_account(flow))
    words = "Another activation has this name, and sends to the same account"
    pages: list[str] = []
    found: list[str] = []
    for owner in (flow, other, flow):
        one = await owner.activate(enabled=False)
        path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{one}"
        pages.append((await browser.open(f"{path}/start")).text)
        assert (words in browser.text) == (len(found) == 2), (
            "the third one has the name of the first"
        )
        found.append(path)
    assert f'href="{found[0]}"' in pages[-1]
    assert f'href="{found[1]}"' not in pages[-1]


@pytest.mark.walk
async def test_a_review_says_what_is_wrong_with_addresses(browser: Browser) -> None:
    flow = browser.flow
    emails = ("ann@example.com", "not-an-address", "peter@@example,com")
    await flow.upload({"profile_id": f"p{i}", "email": one} for i, one in enumerate(emails))
    activation = await flow.activate(enabled=False)
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}/start"
    await browser.open(path)
    await browser.send(f"{path}/dry-run")
    await flow.quiet(activation)
    await browser.open(path)
    assert "email: 2 are no e-mail addresses" in browser.text


@pytest.mark.walk
async def test_a_file_becomes_an_audience_with_a_schedule(browser: Browser) -> None:
    flow = browser.flow
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{flow.space_id}/activations/new/audiences/upload"
    western = "nr;emial;name\n1;ada@example.com;Zoë\n2;none;Jürgen\n".encode("cp1252")
    unclear = "emial;name\nada@example.com;Michèle\n".encode("cp1252")
    for name, content, charset, status in (
        ("people.xlsx", b"PK", "", 415),
        ("", b"", "", 422),
        ("people.csv", b"", "", 422),
        ("2026 people.csv", western, "utf-8", 422),
        ("2026 people.csv", unclear, "", 422),
        ("2026 people.csv", western, "", 200),
    ):
        browser.page = page = await browser.http.post(
            upload,
            data={**browser.form(upload), "charset": charset},
            files={"file": (name, content)},
            headers={"Origin": BASE},
            follow_redirects=True,
        )
        assert page.status_code == status, (name, page.text[-500:])
        if status != 200:
            field = "charset" if content == unclear else "file"
            assert f'id="{field}-fault"' in page.text, name
        if content == unclear:
            assert "windows-1252 (its letters are then è) or windows-1250" in browser.text
    assert "This file is not UTF-8. It was read as windows-1252, by which" in browser.text
    assert "its letters are ë, ü" in browser.text
    assert "file_2026_people 2 rows" in browser.text, "and no dataset of the files before"
    create = f"/console/spaces/{flow.space_id}/activations/new/columns"
    columns: dict[str, Any] = {
        "column": ["nr", "emial", "name"],
        "role": ["none", "none", "none"],
        "person": "nr",
    }
    sent = {**columns, "audience_name": "Readers"}
    page = await browser.send(create, sent)
    assert page.status_code == 422
    assert "Choose the column of the e-mail address" in browser.text
    page = await browser.send(create, {**sent, "role": ["none", "email", "trait"]})
    chosen = parse_qs(urlsplit(str(page.url)).query)["audience"]
    assert "Readers was created." in browser.text
    save = f"/console/spaces/{flow.space_id}/activations/new/settings/save"
    draft = _draft(browser, audience=chosen[0], compute="daily", compute__hour="7")
    page = await browser.open(_step(browser, "settings", **draft))
    assert "Readers is still being computed." in browser.text
    assert "Save and review" not in page.text
    await _computed(browser, chosen[0])
    await browser.open(_step(browser, "settings", **draft))
    fields = {"name": "Daily", "type": "Audience Membership Changed", "id.name": "email"}
    page = await browser.send(save, fields)
    assert page.status_code == 422
    assert "Choose at least one identifier." in browser.text
    await browser.send(save, {**fields, "id.strategy": "all", "id.as": "mail"})
    assert "Daily is saved." in browser.text
    async with flow.platform.unit_of_work() as session:
        query = select(AudienceSchedule).where(AudienceSchedule.audience_id == chosen[0])
        schedules = (await session.scalars(query)).all()
    assert [(one.config or {})["hours"] for one in schedules] == [[7]]


@pytest.mark.walk
async def test_columns_have_examples_and_a_decimal_comma_is_converted_if_that_is_chosen(
    browser: Browser,
) -> None:
    flow = browser.flow
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{flow.space_id}/activations/new/audiences/upload"
    content = b"nr;email;umsatz\n1;ada@example.com;12,50\n2;bob@example.com;3\n"
    page = await browser.attach(upload, "kunden.csv", content)
    assert "ada@example.com bob@example.com text" in browser.text
    assert "1 2 whole number" in browser.text
    assert "All values look like numbers with a decimal comma such as 12,50." in browser.text
    assert "Choose “Property, as a number” to convert them." in browser.text
    create = f"/console/spaces/{flow.space_id}/activations/new/columns"
    sent = {
        "column": ["nr", "email", "umsatz"],
        "role": ["none", "email", "converted"],
        "person": "nr",
        "audience_name": "Kunden",
    }
    page = await browser.send(create, {**sent, "audience_name": ""})
    assert '<option value="converted" selected>' in page.text, "the choice stays"
    page = await browser.send(create, sent)
    (audience_id,) = parse_qs(urlsplit(str(page.url)).query)["audience"]
    await _computed(browser, audience_id)
    await browser.open(f"audiences/{audience_id}?tab=members")
    assert "1 ada@example.com 12.5" in browser.text, "a number, not a text"
    assert "Uploaded list." in browser.text
    await browser.open(_step(browser, "settings", **_draft(browser, audience=audience_id)))
    assert 'value="Kunden to Hook, ' in (browser.page.text if browser.page else ""), "a name"


@pytest.mark.walk
async def test_a_row_without_an_address_is_left_out_and_a_repeated_value_is_refused(
    browser: Browser,
) -> None:
    flow = browser.flow
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{flow.space_id}/activations/new/audiences/upload"
    content = b"e_mial;Ort;Kundennr\nn/a;Bonn;K1\nada@example.com;Bonn;K2\nbob@example.com;Rom;K3\n"
    page = await browser.attach(upload, "kunden.csv", content)
    assert '<option value="Kundennr" selected>Kundennr</option>' in page.text
    assert "e_mial: 1 row without a value is left out" in browser.text
    assert "Ort: 1 value is in several rows" in browser.text
    create = f"/console/spaces/{flow.space_id}/activations/new/columns"
    sent = {
        "column": ["e_mial", "Ort", "Kundennr"],
        "role": ["email", "trait", "none"],
        "audience_name": "Kunden",
    }
    page = await browser.send(create, {**sent, "person": "Ort"})
    assert page.status_code == 422
    assert 'id="person-fault"' in page.text
    assert "1 value of Ort is in several rows" in browser.text
    assert "its own value, such as Kundennr." in browser.text
    page = await browser.send(create, {**sent, "person": "e_mial"})
    assert "Kunden was created. 1 row has no e_mial and is left out." in browser.text
    (audience_id,) = parse_qs(urlsplit(str(page.url)).query)["audience"]
    async with flow.platform.unit_of_work() as session:
        run = await newest_run(session, flow.space_id, audience_id)
    assert run is not None
    done = await flow.finished(run.id)
    assert (done.state.value, done.members) == ("complete", 2)


async def test_a_file_without_a_key_says_so_before_an_audience_is_created(browser: Browser) -> None:
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{browser.flow.space_id}/activations/new/audiences/upload"
    await browser.attach(upload, "twice.csv", b"mail;x\nada@example.com;1\nAda@example.com;1\n")
    assert "1 value of mail is in several rows" in browser.text
    assert "or change the file and upload it again." in browser.text


@pytest.mark.walk
async def test_a_failed_audience_ends_the_draft_until_another_column_is_chosen(
    browser: Browser,
) -> None:
    flow = browser.flow
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{flow.space_id}/activations/new/audiences/upload"
    content = b"kundennr;email\nK1;ada@example.com\nK2;bob@example.com\n"
    await browser.attach(upload, "kunden.csv", content)
    dataset = parse_qs(urlsplit(str(browser.page.url)).query)["dataset"][0] if browser.page else ""
    create = f"/console/spaces/{flow.space_id}/activations/new/columns"
    columns = {
        "column": ["kundennr", "email"],
        "role": ["none", "email"],
        "audience_name": "Kunden",
    }
    page = await browser.send(create, {**columns, "person": "kundennr"})
    (failed,) = parse_qs(urlsplit(str(page.url)).query)["audience"]
    await browser.open(_step(browser, "audiences", goal="segment", audience=failed, go="yes"))
    assert "Kunden is still being computed." in browser.text
    await _replace_by_repeated(browser, dataset)
    await _computed(browser, failed)

    draft = _draft(browser, audience=failed)
    page = await browser.open(_step(browser, "audiences", **draft))
    assert "Kunden could not be computed: profile_id must be unique" in browser.text
    box = _element(page.text, "tr", f'id="{failed}"')
    assert "disabled" in box
    assert "checked" not in box
    assert "Compute Kunden now" not in browser.text, "it would fail again"
    way_out = re.search(r'<a href="([^"]+)">Choose another column</a>', page.text)
    assert way_out
    await browser.open(_step(browser, "audiences", **draft, go="yes"))
    assert "Kunden could not be computed, so it has no members. Choose another" in browser.text
    cause = "Kunden could not be computed, so nothing can be sent: profile_id must be unique"
    for step in ("schedule", "destination"):
        page = await browser.open(_step(browser, step, **draft, go="yes"))
        assert urlsplit(str(page.url)).path.endswith(f"/new/{step}"), "it does not go on"
        button = _element(page.text, "button", 'name="go"')
        assert "disabled" in button, step
    for step in ("schedule", "destination", "settings"):
        page = await browser.open(_step(browser, step, **draft))
        assert cause in browser.text, step
        assert f"audience {failed}" not in browser.text, "the name, not the id"
    assert "Save and review" not in page.text
    save = f"/console/spaces/{flow.space_id}/activations/new/settings/save"
    page = await browser.send(save, {"name": "Spring", "id.name": "email", "id.strategy": "all"})
    assert page.status_code == 422

    await browser.open(unescape(way_out[1]))
    page = await browser.send(create, {**columns, "person": "email"})
    assert page.status_code == 200
    (chosen,) = parse_qs(urlsplit(str(page.url)).query)["audience"]
    assert chosen != failed, "only the newest is chosen"
    await _computed(browser, chosen)
    page = await browser.open(
        _step(browser, "audiences", goal="segment", audience=chosen, go="yes")
    )
    assert urlsplit(str(page.url)).path.endswith("/new/schedule")


@pytest.mark.walk
async def test_an_activation_whose_audience_failed_is_not_started(browser: Browser) -> None:
    flow = browser.flow
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{flow.space_id}/activations/new/audiences/upload"
    await browser.attach(upload, "kunden.csv", b"nr;email\nK1;ada@example.com\n")
    dataset = parse_qs(urlsplit(str(browser.page.url)).query)["dataset"][0] if browser.page else ""
    create = f"/console/spaces/{flow.space_id}/activations/new/columns"
    columns = {"column": ["nr", "email"], "role": ["none", "email"], "audience_name": "Kunden"}
    page = await browser.send(create, {**columns, "person": "nr"})
    (audience_id,) = parse_qs(urlsplit(str(page.url)).query)["audience"]
    flow.audience_id = audience_id
    activation = await flow.activate(enabled=False)
    await _replace_by_repeated(browser, dataset)
    await _computed(browser, audience_id)
    await browser.open(f"audiences/{audience_id}/activations/{activation}/start")
    assert "Kunden could not be computed, so nothing can be sent: profile_id must" in browser.text
    assert "What happens to the members" not in browser.text


async def test_a_single_send_in_the_future_says_when_it_is_sent(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(2))
    later = {"type": "once", "at": "2126-01-01T08:00:00.000Z"}
    activation = await flow.activate(enabled=False, options={"frequency": later})
    path = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}/start"
    await browser.open(path)
    assert (
        "Send all who are in it then This is a single send, at 1 Jan 2126, 08:00 UTC"
        in browser.text
    )


async def test_a_one_time_send_offers_nothing_that_needs_a_second_one(browser: Browser) -> None:
    flow = browser.flow
    await flow.members(range(3))
    await browser.open(_step(browser, "settings", **_draft(browser, frequency="once")))
    assert "Add these members Remove these members, add nobody" in browser.text
    assert "Keep equal" not in browser.text
    assert "Changed properties" not in browser.text
    assert "Which changes" not in browser.text
    activation = await flow.activate(enabled=False, options={"frequency": {"type": "once"}})
    one = f"/console/spaces/{flow.space_id}/audiences/{flow.audience_id}/activations/{activation}"
    page = await browser.open(f"{one}/start")
    assert "Count them as already there" not in browser.text, "nothing would ever be sent"
    assert 'value="send" required checked>' in page.text, "the only choice"
    await browser.open(one)
    assert "Count them as already there" not in browser.text
    await browser.open(f"{one}?tab=options")
    page = await browser.send(f"{one}/options?tab=options", {"consent": ""})
    assert page.status_code == 200
    assert "Nothing was changed." in browser.text, "what is hidden is kept"


async def test_the_home_of_an_empty_space_opens_the_upload(browser: Browser) -> None:
    page = await browser.open("")
    found = re.search(r'<a class="button" href="([^"]+)">Upload a list</a>', page.text)
    assert found
    address, _, place = found[1].partition("#")
    page = await browser.open(address)
    assert f'<h2 id="{place}">Upload a list</h2>' in page.text
    assert "A file of people becomes an audience" in browser.text


async def test_a_read_token_cannot_save(visitor: Browser) -> None:
    await visitor.sign_in("read")
    await visitor.flow.members(range(2))
    page = await visitor.open(_step(visitor, "settings", **_draft(visitor)))
    assert "Save and review" not in page.text
    token = visitor.form("/console/sign-out")
    for action in ("settings/save", "audiences/compute", "columns"):
        path = f"/console/spaces/{visitor.flow.space_id}/activations/new/{action}"
        assert (await visitor.post(path, token)).status_code == 403, action


@pytest.mark.walk
async def test_columns_with_usual_names_are_proposed_for_the_fields_of_the_destination(
    browser: Browser,
) -> None:
    flow = await browser.flow.another_audience()
    row = {"email": "ada@example.com", "Vorname": "Ada", "last_name": "Lovelace", "plan": "pro"}
    await flow.upload([{"profile_id": "p0", **row}])
    await flow.use_account("klaviyo", {"api_key": "pk_1", "base_url": "http://127.0.0.1:9"})
    draft = _draft(browser, audience=flow.audience_id)
    page = await browser.open(_step(browser, "settings", **draft))
    assert '<option value="column:Vorname" selected>' in _element(
        page.text, "select", 'id="map.first_name"'
    )
    assert "“Vorname” looks like first name. To send nothing, choose “Not sent”." in browser.text
    sample = _element(page.text, "section", 'id="sample"')
    assert "from Vorname" in sample
    assert "Ada" in sample
    assert "Lovelace" in sample
    assert "pro" not in sample, "only what is proposed is sent"
    shown = {"name": "Spring", "map__first_name": "none", "map__title": "", "trait": "plan"}
    page = await browser.open(_step(browser, "settings", **draft, **shown))
    sample = _element(page.text, "section", 'id="sample"')
    assert "Ada" not in sample, "what was removed is not proposed again"
    assert "Lovelace" not in sample
    other = {"name": "Spring", "map__home_city": "", "trait": ""}
    page = await browser.open(_step(browser, "settings", **draft, **other))
    assert '<option value="column:Vorname" selected>' in page.text, "the fields of another account"


@pytest.mark.walk
async def test_a_row_whose_key_has_a_control_character_is_left_out_and_counted(
    browser: Browser,
) -> None:
    flow = browser.flow
    await browser.open(_step(browser, "audiences", goal="segment"))
    upload = f"/console/spaces/{flow.space_id}/activations/new/audiences/upload"
    content = b"nr;email\nK\x01;a@example.com\n;b@example.com\nK2;c@example.com\n"
    await browser.attach(upload, "kunden.csv", content)
    create = f"/console/spaces/{flow.space_id}/activations/new/columns"
    columns = {"column": ["nr", "email"], "role": ["none", "email"], "audience_name": "Kunden"}
    page = await browser.send(create, {**columns, "person": "nr"})
    assert (
        "Kunden was created. 1 row has no nr and is left out. 1 row has a control character in nr and is left out."
        in browser.text
    )
    (audience_id,) = parse_qs(urlsplit(str(page.url)).query)["audience"]
    await _computed(browser, audience_id)
    await browser.open(f"audiences/{audience_id}")
    assert "Uploaded list." in browser.text
    assert "Members 1" in browser.text
