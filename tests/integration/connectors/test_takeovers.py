"""Identifiers that change hands at Klaviyo: after each sync, the list has exactly the addresses that are wanted.

Klaviyo gives a profile that it finds by one identifier the other ones that are sent: an import can rename another member's
profile, and the other member is off the list (https://developers.klaviyo.com/en/docs/update_profile_properties_via_api).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from app.connectors.destinations.klaviyo import additions, progress, removals
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.klaviyo.state import Conflict
from app.sandbox.sandbox import Sandbox
from app.services.periodic import open_waiting
from app.services.platform.platform import Platform
from tests.flow import Flow, installation
from tests.stepping import Hand

LIST = "AbCdEf"
HISTORIES = int(os.environ.get("HISTORIES", "200"))
ID_SYNC = [
    {"externalId": "email", "strategy": "all"},
    {"externalId": "user_id", "strategy": "last", "mapTo": "external_id"},
    {"externalId": "phone", "strategy": "last", "mapTo": "phone_number"},
]
Person = dict[str, Any]


def one(name: str, *addresses: str, id: str | None = None, phone: int | None = None) -> Person:
    """A member with some addresses, a user id (``-``: none; otherwise that of the name) and a phone number."""
    emails: Any = [f"{address}@example.com" for address in addresses]
    user_id = None if id == "-" else f"{id or name}-1"
    number = None if phone is None else f"+4917012345{phone:02}"
    return {
        "profile_id": name,
        "email": emails[0] if len(emails) == 1 else emails,
        "user_id": user_id,
        "phone": number,
    }


@dataclass
class Case:
    """What Klaviyo has before, and the members of one audience after the other; then those of a second activation."""

    steps: Sequence[Sequence[Person]]
    known: Sequence[dict[str, str]] = ()
    others: Sequence[Sequence[Person]] = ()
    #: What a user writes into profiles in Klaviyo before a step: by its number, an address and the attributes.
    written: Mapping[int, Mapping[str, dict[str, str]]] = field(default_factory=dict)


def known(address: str | None, id: str | None = None, phone: int | None = None) -> dict[str, str]:
    """A profile that Klaviyo has before the first sync."""
    found = {
        "email": address and f"{address}@example.com",
        "external_id": id and f"{id}-1",
        "phone_number": phone and f"+4917012345{phone:02}",
    }
    return {name: value for name, value in found.items() if value}


CASES = {
    "the owner returns after a takeover that Klaviyo refused": Case(
        [[one("a", "x")], [one("b", "x")], [one("a", "y"), one("b", "x")]], [known("q", "b")]
    ),
    "the owner returns, and the new one has no id": Case(
        [[one("a", "x")], [one("b", "x", id="-")], [one("a", "y"), one("b", "x", id="-")]]
    ),
    "the owner moves in the sync of the takeover": Case(
        [[one("a", "x")], [one("b", "x", id="-"), one("a", "y")]]
    ),
    "the owner moves in the sync of a takeover that Klaviyo refuses": Case(
        [[one("a", "x")], [one("b", "x"), one("a", "y")]], [known("q", "b")]
    ),
    "Klaviyo knows the address with another's id": Case(
        [[one("b", "x", id="-")], [one("b", "x", id="-"), one("a", "y")]], [known("x", "a")]
    ),
    "Klaviyo knows the address with another's id, and both enter": Case(
        [[one("b", "x", id="-"), one("c", "y", id="a")]], [known("x", "a")]
    ),
    "a household with one phone number": Case(
        [
            [one("a", "x", phone=1)],
            [one("a", "x", phone=1), one("b", "y", phone=1)],
            [one("b", "y", phone=1)],
        ]
    ),
    "a household enters at once, and one leaves": Case(
        [
            [one("a", "x", phone=1), one("b", "y", phone=1), one("c", "z", phone=1)],
            [one("b", "y", phone=1)],
        ]
    ),
    "two addresses of one profile": Case(
        [[one("a", "x", "y")], [one("a", "x", "y", "z")], [one("a", "y")]]
    ),
    "a swap, and back": Case(
        [
            [one("a", "x"), one("b", "y")],
            [one("a", "y"), one("b", "x")],
            [one("a", "x"), one("b", "y")],
        ]
    ),
    "a ring of three": Case(
        [
            [one("a", "x"), one("b", "y"), one("c", "z")],
            [one("a", "y"), one("b", "z"), one("c", "x")],
        ]
    ),
    "a chain, and the last address leaves": Case(
        [
            [one("a", "x"), one("b", "y"), one("c", "z")],
            [one("a", "y"), one("b", "z")],
            [one("a", "y"), one("c", "x")],
        ]
    ),
    "ids are swapped": Case(
        [
            [one("a", "x"), one("b", "y")],
            [one("a", "x", id="b"), one("b", "y", id="a")],
            [one("a", "z", id="b"), one("b", "y", id="a")],
        ]
    ),
    "an id moves to a new member": Case(
        [[one("a", "x")], [one("a", "x", id="-"), one("c", "z", id="a")]]
    ),
    "one leaves, and another enters with the number": Case(
        [
            [one("a", "x", phone=1)],
            [one("b", "y", phone=1)],
            [one("b", "y", phone=1), one("a", "x", phone=1)],
        ]
    ),
    "two activations have one person under two addresses": Case(
        [[one("a", "x")], [one("a", "x")], [one("c", "z")]],
        others=[[one("d", "w")], [one("a", "y")], [one("a", "y")]],
    ),
    "an id is an address, and another has that address": Case(
        [[one("a", "x")], [{**one("a", "x"), "user_id": "y@example.com"}, one("b", "y")]]
    ),
}


def apart(case: Case, number: int) -> Case:
    """The case with names, addresses, ids and phone numbers that no case of another number has."""

    def changed(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [changed(name, one) for one in value]
        if value is None:
            return None
        return value.replace("12345", f"{number:05}") if "phone" in name else f"{number}-{value}"

    def of_all(people: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{name: changed(name, each[name]) for name in each} for each in people]

    steps, others = ([of_all(step) for step in found] for found in (case.steps, case.others))
    written = {
        step: {f"{number}-{address}": of_all([values])[0] for address, values in each.items()}
        for step, each in case.written.items()
    }
    return Case(steps, of_all(case.known), others, written)


class List:
    """An emulated list, and two activations that write to it. Each has a member who always stays."""

    def __init__(
        self, partner: KlaviyoEmulator, activations: Mapping[str, Flow], *, at_once: bool
    ) -> None:
        self.partner = partner
        self.at_once = at_once  # the activations are sent together
        self.flows = list(activations.values())
        self.activations = activations
        self.hand = Hand(self.flows[0])

    async def step(self, *members: Sequence[Person]) -> None:
        """Supply the members of each activation, and do all work; then compare the list and the held rows with them."""
        everyone = [[*each, one(f"s{n}", f"s{n}")] for n, each in enumerate(members)]
        for flow, each in zip(self.flows, everyone, strict=True):
            await flow.supply(each)
            if not self.at_once:
                await self._end()
        await self._end()
        wanted = [addresses_of(each) for each in everyone]
        account = self.partner.account
        emails = {account.profiles[one].attributes["email"] for one in account.lists[LIST].members}
        expected = set().union(*wanted)
        assert (sorted(expected - emails), sorted(emails - expected)) == ([], []), "missing, left"
        for (activation, flow), keys in zip(self.activations.items(), wanted, strict=True):
            sync = (await flow.syncs(activation))[-1]
            assert (sync.state, sync.rejected, sync.skipped) == ("complete", 0, 0)
            assert (await flow.activation(activation)).held == len(keys)

    def write(self, profiles: Mapping[str, dict[str, str]]) -> None:
        """Write attributes into the profiles of addresses, as a user does in Klaviyo."""
        for address, attributes in profiles.items():
            found = self.partner.account.find("email", f"{address}@example.com")
            assert found is not None
            self.partner.account.upsert(attributes, profile_id=found.id)

    async def _end(self) -> None:
        """Do all work, also what waits for the other activation."""
        while True:
            await self.hand.quiet()
            async with self.hand.platform.unit_of_work() as session:
                if not await open_waiting(session):
                    return


def addresses_of(members: Sequence[Person]) -> set[str]:
    found = [one["email"] for one in members]
    return {each for one in found for each in (one if isinstance(one, list) else [one])}


@asynccontextmanager
async def a_list(
    platform: Platform, known: Sequence[Mapping[str, Any]], *, at_once: bool = False
) -> AsyncIterator[List]:
    partner = KlaviyoEmulator(job_seconds=0, limits=False)
    partner.account.new_list("VIP", LIST)
    for attributes in known:
        with suppress(Conflict):  # a profile of a random history that Klaviyo cannot have
            partner.account.upsert(attributes)
    async with installation(platform) as flow, Sandbox([partner]) as sandbox:
        await flow.use_account(
            "klaviyo", {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        )
        settings: Any = {"idSync": ID_SYNC, "connectionSettings": {"list_id": LIST}}
        flows = [flow, await flow.another_audience()]
        activations = {await each.activate(resync=True, **settings): each for each in flows}
        yield List(partner, activations, at_once=at_once)


async def play(platform: Platform, cases: Sequence[Case], *, at_once: bool = False) -> None:
    """Play cases together, each with people of its own. ``at_once``: the two activations are sent together too."""
    found = [apart(case, number) for number, case in enumerate(cases)]
    before = [one for case in found for one in case.known]
    async with a_list(platform, before, at_once=at_once) as world:
        for number in range(max(len(case.steps) for case in found)):
            first = [one for case in found for one in _at(case.steps, number)]
            second = [one for case in found for one in _at(case.others, number)]
            for case in found:
                world.write(case.written.get(number, {}))
            await world.step(first, second)


def _at(steps: Sequence[Sequence[Person]], number: int) -> Sequence[Person]:
    """Return a step; after the last one, the last one."""
    return steps[min(number, len(steps) - 1)] if steps else ()


def history(random: Random, steps: int) -> Case:
    """Draw what Klaviyo knows, and the members of two activations."""
    names = "abcd"
    before = [
        known(
            random.choice([*"wxyz", None]), random.choice([*names, None]), random.choice([1, None])
        )
        for _ in range(random.choice([0, 0, 1, 3]))
    ]
    return Case(
        [_members(random, 0.7) for _ in range(steps)],
        [one for one in before if one],
        [_members(random, 0.2) for _ in range(steps)],
    )


def _members(random: Random, share: float) -> list[Person]:
    """Draw members. Each address has one owner at most; ids and numbers may be shared."""
    addresses = random.sample("wxyz", 4)
    found = []
    for name in "abcd":
        mine = [addresses.pop() for _ in range(random.choice([1, 1, 1, 2])) if addresses]
        if mine and random.random() < share:
            id = random.choices([name, "-", random.choice("abcd")], [6, 2, 1])[0]
            found.append(one(name, *mine, id=id, phone=random.choice([None, None, None, 1, 2])))
    return found


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Klaviyo's search is up to date, and imports end, at once."""
    monkeypatch.setattr(removals, "SEARCHABLE_AFTER", timedelta(0))
    monkeypatch.setattr(progress, "FIRST_WAIT", 0.0)


@pytest.fixture(params=[1_000, 1], ids=["single calls", "jobs"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to this number of members are written by single calls."""
    monkeypatch.setattr(additions, "FEW", request.param)


@pytest.mark.walk
async def test_the_list_has_whom_it_should(platform: Platform) -> None:
    """Small batches are written by single calls, others by jobs."""
    random = [history(Random(number), 3) for number in range(10)]
    await play(platform, [*CASES.values(), *random])


@pytest.mark.chaos
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_each_case_alone(platform: Platform, case: Case) -> None:
    await play(platform, [case])


@pytest.mark.chaos
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("first", range(0, HISTORIES, 40))
async def test_random_histories(platform: Platform, first: int) -> None:
    await play(platform, [history(Random(number), 25) for number in range(first, first + 40)])
