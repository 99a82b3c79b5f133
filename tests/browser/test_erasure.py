"""A person is erased: typed, followed live on the receipt, and also without scripts."""

from __future__ import annotations

from tests.browser.conftest import Console
from tests.integration.services.erasure.leaks import ADA, GRACE, carried_out, leaks


async def test_a_person_is_erased_and_its_receipt_is_followed(console: Console) -> None:
    flow = console.flow
    await flow.upload([ADA, GRACE])
    activation = await flow.activate(resync=True)
    await flow.quiet(activation)
    page = await console.page()
    await page.goto(f"{console.space}/profile")
    await page.get_by_label("Profile id, e-mail address").fill("ada@example.com")
    await page.get_by_role("button", name="Find").click()
    assert not await page.get_by_role("button", name="Erase this person").is_visible()
    await page.get_by_text("Erase this person…").click()
    await page.get_by_label("Type p-ada-17 to confirm").fill("p-ada-17")
    await page.get_by_label("Refuse this person").check()
    assert await console.accessible(page) == []
    await page.get_by_role("button", name="Erase this person").click()
    await page.get_by_text("The erasure has begun.").wait_for()
    assert await page.locator("#erasure[hx-trigger]").count() == 1
    assert await console.accessible(page) == []
    await carried_out(flow, page.url.rpartition("/")[2])
    await page.get_by_text("A whole search found nothing of the person.").wait_for()
    assert await page.locator("#erasure[hx-trigger]").count() == 0, "nothing is open any more"
    assert await console.accessible(page) == []
    assert flow.received(activation) == {"p-grace-3"}
    assert await leaks(flow) == []
    assert console.faults == []


async def test_a_person_is_erased_without_scripts_only_if_its_id_is_typed(console: Console) -> None:
    console.expected.add(422)
    flow = console.flow
    await flow.upload([ADA, GRACE])
    page = await console.page(java_script_enabled=False, viewport={"width": 360, "height": 740})
    await page.goto(f"{console.space}/profile?search=p-ada-17")
    await page.get_by_text("Erase this person…").click()
    await page.get_by_label("Type p-ada-17 to confirm").fill("ada")
    await page.get_by_role("button", name="Erase this person").click()
    await page.locator("#erase-fault").wait_for()
    assert await page.get_by_label("Type p-ada-17").input_value() == "ada"
    await page.get_by_label("Type p-ada-17").fill("p-ada-17")
    await page.get_by_role("button", name="Erase this person").click()
    await page.get_by_text("The erasure has begun.").wait_for()
    await carried_out(flow, page.url.rpartition("/")[2])
    await page.reload()
    await page.get_by_text("A whole search found nothing of the person.").wait_for()
    assert await leaks(flow) == []
    assert console.faults == []
