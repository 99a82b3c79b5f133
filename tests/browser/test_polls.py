"""Parts of pages that are loaded again while something is open."""

from __future__ import annotations

from tests.browser.conftest import Console
from tests.flow import eventually


async def test_a_poll_that_fails_shows_the_error_and_empties_nothing(console: Console) -> None:
    flow = console.flow
    await flow.members(range(3))
    activation = await flow.activate(resync=True)  # its sync is open, and nothing is done for it
    page = await console.page()
    console.expected = {404, 429}
    answers = [429, 404]

    async def refuse(route: object) -> None:
        status = answers[0] if len(answers) == 1 else answers.pop(0)
        if status == 429:
            await route.fulfill(status=429, body="<p>none</p>", content_type="text/html")  # type: ignore[attr-defined]
        else:
            await route.continue_(url=f"{console.space}/none")  # type: ignore[attr-defined]

    await page.goto(f"{console.space}/audiences/{flow.audience_id}/activations/{activation}")
    state = await page.locator("#state").inner_text()
    await page.route("**/activations/act_*", refuse)
    async with page.expect_response(lambda response: response.status == 429):
        pass
    assert await page.locator("#state").inner_text() == state, "too many requests: it polls again"
    async with page.expect_response(lambda response: response.status == 404):
        pass

    async def shown() -> bool:
        return "This page does not exist." in await page.locator("main").inner_text()

    await eventually(shown)
    assert await page.locator("main").count() == 1
    assert await page.locator("#state").count() == 0
    assert console.faults == []
