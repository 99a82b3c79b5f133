"""The expected content of a destination, computed from the uploads, the options and the documents only.

Nothing here uses the product's rules: identifiers, arms and winners of shared values are said once more, in plain Python.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

PEOPLE = 24
CITIES = ("Bern", "Graz", "Linz")
SHARED = ("s0@example.com", "s1@example.com")
OWN = "own"  # an identifier is in its usual state
Item = dict[
    str, Any
]  # the sent data of one member: its id at the destination, identifiers and traits


@dataclass(frozen=True)
class Person:
    """The current values of a profile. The last address is the newest. The name is the one that never changes."""

    name: str
    emails: tuple[str, ...]
    user_id: str | None
    city: str
    consents: bool

    def row(self, profile: str) -> dict[str, Any]:
        """Return the uploaded form of the profile: one address as a text, several as a list."""
        emails: Any = list(self.emails)
        if len(emails) < 2:
            emails = emails[0] if emails else None
        given = {"city": self.city, "consents": self.consents, "user_id": self.user_id}
        return {"profile_id": profile, "email": emails, "name": self.name, **given}

    def values(self, kind: str) -> list[str]:
        """Return the usable values of an identifier, oldest first."""
        if kind == "email":
            return [email.strip().lower() for email in self.emails]
        return [self.user_id] if self.user_id else []


People = dict[str, Person]


def people(seed: int) -> People:
    """Draw a membership of at least one member. Most are unchanged, some have changed, and some share an address."""
    random = Random(seed)
    share = random.choice([0.1, 0.5, 0.8, 0.95])
    found = {
        f"p{number:02}": person(number, random)
        for number in range(PEOPLE)
        if random.random() < share
    }
    return found or {"p00": person(0, random)}


def person(number: int, random: Random) -> Person:
    """Draw the state of one profile."""
    own = f"p{number:02}@example.com"
    emails: tuple[str, ...] = (own,)
    match random.choices(
        [OWN, "other case", "new", "neighbour", "shared", "both", "none"],
        [40, 5, 8, 15, 20, 8, 4],
    )[0]:
        case "other case":
            emails = (f" {own.upper()}",)
        case "new":
            emails = (own, f"new-{own}")
        case "neighbour":  # addresses change hands, in chains too
            emails = (f"p{(number + random.choice([1, 23])) % PEOPLE:02}@example.com",)
        case "shared":
            emails = (random.choice(SHARED),)
        case "both":
            emails = (random.choice(SHARED), own)
        case "none":
            emails = ()
        case _:
            pass
    return Person(
        name=f"p{number:02}",
        emails=emails,
        user_id=f"u{number:02}" if random.random() < 0.8 else None,
        city=CITIES[number % 3] if random.random() < 0.8 else random.choice(CITIES),
        consents=random.random() < 0.85,
    )


@dataclass(frozen=True)
class Arm:
    """One arm of a split."""

    name: str
    weight: int
    sent: bool


@dataclass(frozen=True)
class Told:
    """The configuration of the activation."""

    by_member: bool = False  # the destination stores profiles; else it stores identifiers
    type: str = "Audience Membership Changed"
    mode: str = "maintain"
    updates: bool = False
    consent: bool = False
    traits: tuple[str, ...] = ("city", "name")
    #: Identifier and strategy, in order of preference; None means the default.
    identities: tuple[tuple[str, str], ...] | None = None
    arms: tuple[Arm, ...] = ()

    @property
    def enters(self) -> bool:
        """Whether its type sends entries."""
        return self.type != "Audience Exited"

    @property
    def exits(self) -> bool:
        """Whether its type sends exits."""
        return self.type != "Audience Entered"

    @property
    def sends_updates(self) -> bool:
        """Whether changed values of members are sent."""
        return self.updates or self.type == "All Events"


def is_sent(activation: str, profile: str, one: Person, told: Told) -> bool:
    """Return whether a profile has consented, where that counts, and is in no control group."""
    if told.consent and not one.consents:
        return False
    return not told.arms or arm_of(activation, profile, told.arms).sent


def wanted(activation: str, members: People, told: Told) -> dict[str, Item]:
    """Return the expected list, by id there. If profiles share a value, the values of the lowest profile id are sent."""
    result: dict[str, Item] = {}
    for profile in sorted(members):
        one = members[profile]
        if not is_sent(activation, profile, one, told):
            continue
        arm = arm_of(activation, profile, told.arms) if told.arms else None
        traits = {name: getattr(one, name) for name in told.traits}
        if arm is not None and sum(other.sent for other in told.arms) > 1:
            traits["split_arm"] = (
                arm.name
            )  # all arms share the list, and a property tells them apart
        for key, identifiers in _keys(profile, one, told):
            result.setdefault(key, {"id": key, "identifiers": identifiers, "traits": traits})
    return result


def _keys(profile: str, one: Person, told: Told) -> list[tuple[str, dict[str, Any]]]:
    fields = told.identities
    if fields is None:
        fields = (
            (("email", "last"), ("user_id", "last")) if told.by_member else (("email", "last"),)
        )
    chosen = [(kind, strategy, _chosen(one, kind, strategy)) for kind, strategy in fields]
    identity = {
        kind: values if strategy == "all" else values[0]
        for kind, strategy, values in chosen
        if values
    }
    if told.by_member:
        return [(profile, identity)]
    first = next(((kind, values) for kind, _, values in chosen if values), None)
    if first is None:
        return []
    return [(value, {**identity, first[0]: value}) for value in first[1]]


def _chosen(one: Person, kind: str, strategy: str) -> list[str]:
    values = one.values(kind)
    match strategy:
        case "first":
            return values[:1]
        case "last":
            return values[-1:]
        case _:
            return sorted(set(values))


def arm_of(activation: str, profile: str, arms: Sequence[Arm]) -> Arm:
    """Return the arm with the highest bid: its weight divided by the logarithm of a number from a hash of all three.

    It may never come out differently, or people would change sides: so it stands here a second time.
    """

    def bid(arm: Arm) -> float:
        text = f"{len(activation)}:{activation}{len(arm.name)}:{arm.name}{profile}"
        drawn = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:13], 16)
        return -arm.weight / math.log((drawn + 0.5) / 2**52)

    return max(arms, key=bid)


def every_id(told: Told) -> Mapping[str, Item]:
    """Return all ids that can ever be on the list."""
    if told.by_member:
        ids = [f"p{number:02}" for number in range(PEOPLE)]
    else:
        own = [f"p{number:02}@example.com" for number in range(PEOPLE)]
        ids = [*own, *(f"new-{one}" for one in own), *SHARED]
        ids += [f"u{number:02}" for number in range(PEOPLE)]
    return {one: {"id": one, "identifiers": {}, "traits": {}} for one in ids}
