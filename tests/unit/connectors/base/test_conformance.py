"""Each check of the conformance suite finds a connector that breaks it, and passes the example of the documents."""

from __future__ import annotations

import asyncio
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.connectors.base import (
    Action,
    ActionField,
    CheckResult,
    ConnectorSettings,
    Definition,
    Pending,
    Preset,
    RateBudget,
    Receipts,
    Refusal,
)
from app.connectors.base.conformance import CHECKS, Check, NotConformant, Subject, verify
from app.connectors.errors import ConnectorError, PayloadRejected, TransientFailure
from app.connectors.http import raise_for_answer
from tests.unit.connectors.create import create_delivery

DOCUMENT = Path(__file__).parents[4] / "docs" / "destinations.md"
SECTION = re.compile(
    r"^## Write a connector of your own\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE
)
BLOCK = re.compile(r"^ *```python\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    """The two modules of the document, executed as they are printed there."""
    section = SECTION.search(DOCUMENT.read_text())
    assert section is not None
    connector, test = (textwrap.dedent(block) for block in BLOCK.findall(section[1]))
    postcards = types.ModuleType("postcards_destination")
    exec(connector, postcards.__dict__)
    sys.modules[postcards.__name__] = postcards
    module = types.ModuleType("test_postcards")
    exec(test, module.__dict__)
    yield module
    del sys.modules[postcards.__name__]


class TestExample:
    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_conforms(self, example: Any, check: Check) -> None:
        await example.test_postcards_conform(check)

    def test_the_document_lists_all_checks(self) -> None:
        section = SECTION.search(DOCUMENT.read_text())
        assert section is not None
        listed = re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE)
        assert listed == [check.__name__ for check in CHECKS]


def make(**changes: Any) -> Any:
    """Create a connector class that conforms, with some members replaced."""

    class Settings(ConnectorSettings):
        url: str
        key: SecretStr

    class Right:
        definition = Definition(
            slug="right",
            name="Right",
            description="Conforms.",
            metadata_id="ab" * 12,
            audience_types=("USERS",),
            actions=(Action("right-send", "send", "Send", ""),),
            key="member",
        )
        settings_model: Any = Settings

        def __init__(self, settings: Any, tools: Any) -> None:
            self.settings, self.tools = settings, tools

        async def post(self, body: str) -> httpx.Response:
            response: httpx.Response = await self.tools.http.post(self.settings.url, content=body)
            return response

        async def check(self, connection_settings: Any) -> Any:
            return CheckResult(ok=True, message="ready")

        async def deliver(self, call: Any, deliveries: Any) -> Any:
            good = [delivery.key for delivery in deliveries if delivery.key != "refused"]
            raise_for_answer(await self.post(",".join(good)))
            return Receipts(
                skipped={
                    index: Refusal("refused", "is refused")
                    for index, delivery in enumerate(deliveries)
                    if delivery.key == "refused"
                }
            )

        async def resume(self, call: Any, deliveries: Any, handle: Any) -> Any:
            return Receipts()

    for name, value in changes.items():
        setattr(Right, name, value)
    return Right


RIGHT: Definition = make().definition
SETTINGS = {"url": "https://printer.example.com", "key": "a-secret-of-this-test"}


def subject(**changes: Any) -> Subject:
    return Subject(make(**changes), SETTINGS, refused=create_delivery("refused"))


def defined(**changes: Any) -> Subject:
    return subject(definition=replace(RIGHT, **changes))


class _Open(ConnectorSettings):
    model_config = {"extra": "allow"}

    url: str
    key: str


class _Elsewhere(_Open):
    where_to = ("host",)

    def __repr__(self) -> str:
        return ""


async def refuses_credentials(self: Any, connection_settings: Any) -> CheckResult:
    return CheckResult(ok=False, message="refused")


async def rejects_all(self: Any, call: Any, deliveries: Any) -> Receipts:
    return Receipts(rejected={0: Refusal("refused", "is refused")})


async def counts_from_one(self: Any, call: Any, deliveries: Any) -> Receipts:
    return Receipts(partner_ids={len(deliveries): "1"})


async def says_nothing(self: Any, call: Any, deliveries: Any) -> Receipts:
    return Receipts(skipped={0: Refusal("", "")})


async def returns_a_list(self: Any, call: Any, deliveries: Any) -> Any:
    return [True for _ in deliveries]


async def moves_refusals(self: Any, call: Any, deliveries: Any) -> Receipts:
    refused = any(delivery.key == "refused" for delivery in deliveries)
    return Receipts(rejected={0: Refusal("refused", "is refused")} if refused else {})


async def sends_the_time(self: Any, call: Any, deliveries: Any) -> Receipts:
    raise_for_answer(await self.post(str(call.attempted_at)))
    return Receipts()


async def waits_with_bytes(self: Any, call: Any, deliveries: Any) -> Pending:
    return Pending({"job": b"1"}, timedelta(0))


async def waits_with_numbers(self: Any, call: Any, deliveries: Any) -> Pending:
    return Pending({"rejected": {1: "x"}}, timedelta(0))


async def waits_with_a_secret(self: Any, call: Any, deliveries: Any) -> Pending:
    return Pending({"key": self.settings.key.get_secret_value()}, timedelta(0))


async def waits(self: Any, call: Any, deliveries: Any, handle: Any = None) -> Pending:
    return Pending({"job": "1"}, timedelta(0))


async def lists_nothing(self: Any) -> Any:
    for entry in list[tuple[str, str]]():
        yield entry


async def creates_a_list(self: Any, name: str, reference: str) -> str:
    return "1"


async def ignores_the_status(self: Any, call: Any, deliveries: Any) -> Receipts:
    await self.post("")
    return Receipts()


async def raises_a_value_error(self: Any, call: Any, deliveries: Any) -> Receipts:
    if (await self.post("")).status_code == 400:
        raise ValueError("bad request")
    return await conforming(self, call, deliveries)


async def conforming(self: Any, call: Any, deliveries: Any) -> Receipts:
    receipts: Receipts = await make().deliver(self, call, deliveries)
    return receipts


async def trusts_the_body(self: Any, call: Any, deliveries: Any) -> Receipts:
    response = await self.post("")
    raise_for_answer(response)
    response.json()
    return Receipts()


async def hides_the_cause(self: Any, call: Any, deliveries: Any) -> Receipts:
    try:
        return await conforming(self, call, deliveries)
    except TransientFailure as error:
        raise TransientFailure("it failed") from error


async def repeats_the_body(self: Any, call: Any, deliveries: Any) -> Receipts:
    response = await self.post("")
    if response.status_code == 422:
        error = PayloadRejected("refused")
        error.message = response.text  # past the constructor, which masks secrets
        raise error
    raise_for_answer(response)
    return Receipts()


async def cannot_be_cancelled(self: Any, call: Any, deliveries: Any) -> Receipts:
    try:
        return await conforming(self, call, deliveries)
    except asyncio.CancelledError:
        raise ConnectorError("cancelled") from None


async def leaves_a_file(self: Any, call: Any, deliveries: Any) -> Receipts:
    await asyncio.to_thread(Path(self.tools.scratch, "rows.part").touch)
    return await conforming(self, call, deliveries)


BUDGET = RateBudget("calls", 0, timedelta(seconds=1))
UNKNOWN = ActionField("card", "Card", "POSTCARD")

#: For each check: connectors that break it, and what the message must say.
WRONG: dict[str, list[tuple[Callable[[], Subject], str]]] = {
    "definition_has_an_identity": [
        (lambda: defined(slug="Right One"), "slug"),
        (lambda: defined(metadata_id="1"), "24 hexadecimal digits"),
        (lambda: defined(actions=()), "actions is empty"),
        (lambda: defined(key="identifiers"), "needs identity_fields"),
        (lambda: defined(aliases=("right",)), "duplicate slug and aliases"),
    ],
    "limits_are_positive": [
        (lambda: defined(max_rows=0), "max_rows"),
        (lambda: defined(max_bytes=0), "max_bytes"),
        (lambda: defined(rate_budgets=(BUDGET,)), "needs calls"),
        (lambda: defined(rate_budgets=(replace(BUDGET, calls=1, paths="("),)), "regular expression"),
        (lambda: subject(rows_per_call=lambda *_: 0), "rows_per_call"),
    ],
    "actions_are_valid": [
        (lambda: defined(actions=(*RIGHT.actions, *RIGHT.actions)), "duplicate action ids"),
        (lambda: defined(presets=(Preset("no", "No", "x"),)), "unknown action 'no'"),
        (lambda: defined(actions=(replace(RIGHT.actions[0], properties_field="no"),)), "not a field"),
        (lambda: defined(actions=(replace(RIGHT.actions[0], fields=(UNKNOWN,)),)), "unknown type 'POSTCARD'"),
    ],
    "abilities_match_the_definition": [
        (lambda: defined(whole_plan=True), "WholePlan"),
        (lambda: defined(arm_places="lists"), "Lists"),
        (lambda: subject(cost=lambda *_: 1), "cost_unit"),
    ],
    "settings_are_strict": [
        (lambda: subject(settings_model=_Open), "must be refused"),
        (lambda: subject(settings_model=_Elsewhere), "unknown setting 'host'"),
        (lambda: replace(subject(), settings={}), "are refused"),
    ],
    "credentials_are_checked": [
        (lambda: subject(check=refuses_credentials), "check of valid settings"),
    ],
    "receipts_name_deliveries": [
        (lambda: subject(deliver=rejects_all), "accepted changes were rejected"),
        (lambda: subject(deliver=counts_from_one), "name the indexes"),
        (lambda: subject(deliver=says_nothing), "code and a message"),
        (lambda: subject(deliver=returns_a_list), "returned list"),
    ],
    "receipts_keep_the_order": [
        (lambda: subject(deliver=moves_refusals), r"at index 1 was reported at \[0\]"),
    ],
    "a_retry_sends_equal_bytes": [(lambda: subject(deliver=sends_the_time), "a retry sent")],
    "a_pending_call_is_resumed": [
        (lambda: subject(deliver=waits_with_bytes), "not JSON"),
        (lambda: subject(deliver=waits_with_numbers), "changes in JSON"),
        (lambda: subject(deliver=waits_with_a_secret), "holds a secret"),
        (lambda: subject(deliver=waits, resume=waits), "still pending"),
    ],
    "a_list_is_found_again": [
        (lambda: subject(create_list=creates_a_list, list_lists=lists_nothing), "does not yield"),
    ],
    "refusals_are_typed": [
        (lambda: subject(deliver=ignores_the_status), "must raise AuthenticationRejected"),
        (lambda: subject(deliver=raises_a_value_error), "not a ConnectorError"),
    ],
    "unreadable_responses_are_typed": [(lambda: subject(deliver=trusts_the_body), "JSONDecodeError")],
    "an_unsent_call_is_typed": [(lambda: subject(deliver=hides_the_cause), "ambiguous")],
    "errors_hold_no_secret": [(lambda: subject(deliver=repeats_the_body), "HTTP 422 holds a secret")],
    "a_cancelled_call_leaves_nothing": [
        (lambda: subject(deliver=cannot_be_cancelled), "must raise CancelledError"),
        (lambda: subject(deliver=leaves_a_file), "temporary file"),
    ],
}  # fmt: skip
CASES = [(name, *case) for name, cases in WRONG.items() for case in cases]


class TestChecks:
    def test_each_check_has_a_wrong_connector(self) -> None:
        assert list(WRONG) == [check.__name__ for check in CHECKS]

    @pytest.mark.parametrize(
        ("name", "wrong", "words"), CASES, ids=[f"{name}: {words}" for name, _, words in CASES]
    )
    async def test_finds_a_wrong_connector(
        self, name: str, wrong: Callable[[], Subject], words: str
    ) -> None:
        (check,) = [check for check in CHECKS if check.__name__ == name]
        with pytest.raises(NotConformant, match=words):
            await check(wrong())

    async def test_accepts_the_right_connector(self) -> None:
        await verify(subject())

    async def test_verify_reports_all_problems(self) -> None:
        with pytest.raises(NotConformant) as caught:
            await verify(subject(definition=replace(RIGHT, max_rows=0), deliver=rejects_all))
        lines = str(caught.value).splitlines()
        assert [line.split(":")[0] for line in lines][:2] == [
            "limits_are_positive",
            "receipts_name_deliveries",
        ]
