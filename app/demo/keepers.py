"""Who keeps a list at the other end, and how the demo reads it back: a receiver, exported files, a partner's emulator."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Protocol

from app.demo.api import Api
from app.demo.errors import DemoFailed
from app.demo.partners import PARTNERS, Partner
from app.demo.service import Service
from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox

PATH = "/audiences"


class Keeper(Protocol):
    """A destination of the demo."""

    name: str

    async def open(self, api: Api, service: Service) -> str:
        """Make the account in the service; the destination's id."""

    def connection(self, audience_key: str) -> dict[str, Any]:
        """``connectionSettings`` of an audience; a list that must exist beforehand is made here."""

    async def take_up(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Fetch what a sync has left for us, where it is not brought."""

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Whose household ids it holds of an activation."""

    def faults(self) -> list[str]:
        """What it noticed that must not happen."""


class WebhookKeeper:
    """The sandbox's receiver: it verifies every signature and keeps a list for each activation."""

    name = "receiver"

    def __init__(self, sandbox: Sandbox, receiver: WebhookReceiver) -> None:
        self._sandbox = sandbox
        self._receiver = receiver

    async def open(self, api: Api, service: Service) -> str:
        """A signed webhook; the secret that the service made for it goes to the receiver."""
        url = self._sandbox.urls[self._receiver.name] + PATH
        made = await api.add_destination("webhook", "Demo receiver", {"url": url})
        self._receiver.set_secrets("*", [made["settings"]["secret"]])
        destination_id: str = made["id"]
        return destination_id

    def connection(self, audience_key: str) -> dict[str, Any]:
        """Nothing to say: the message names the audience."""
        return {}

    async def take_up(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Nothing: messages come by themselves."""

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Members of the activation's list."""
        return {member["id"] for member in self._receiver.members(activation_id) or ()}

    def faults(self) -> list[str]:
        """Counters of the receiver that must be zero."""
        stats = self._receiver.stats()
        zero = ("bad_signatures", "unverified", "changed_repeats", "inversions")
        return [f"the receiver counted {stats[name]} {name}" for name in zero if stats[name]]


@dataclass
class FilesKeeper:
    """CSV files, one for each sync; the list is what comes of reading them in their order."""

    name: str = "files"
    _lists: dict[str, set[str]] = field(default_factory=dict)

    async def open(self, api: Api, service: Service) -> str:
        """A destination of files that the service keeps for download."""
        made = await api.add_destination("file-download", "Demo files", {"format": "csv"})
        destination_id: str = made["id"]
        return destination_id

    def connection(self, audience_key: str) -> dict[str, Any]:
        """Nothing to say: the format is the destination's."""
        return {}

    async def take_up(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Download the sync's files; entered come onto the list, exited go."""
        held = self._lists.setdefault(sync["activationId"], set())
        for text in await api.exported(audience_id, sync, ending=".csv"):
            for row in csv.DictReader(StringIO(text, newline="")):
                keep = held.add if row["action"] == "entered" else held.discard
                keep(row["profile_id"])

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Who is left after all files up to now."""
        return set(self._lists.get(activation_id, ()))

    def faults(self) -> list[str]:
        """Nothing that it could notice."""
        return []


class PartnerKeeper:
    """A partner's emulator, whose lists are made beforehand, as people make them in the partner's own pages."""

    def __init__(self, sandbox: Sandbox, partner: Partner) -> None:
        self.name = partner.slug
        self._url = sandbox.urls
        self._emulator = sandbox.services[partner.emulator]
        self._partner = partner
        self._lists: dict[str, str] = {}

    async def open(self, api: Api, service: Service) -> str:
        """An account with the emulator's own key."""
        settings = self._partner.settings(self._url[self._partner.emulator])
        name = f"Demo {self._partner.slug}"
        made = await api.add_destination(self._partner.slug, name, settings)
        destination_id: str = made["id"]
        return destination_id

    def connection(self, audience_key: str) -> dict[str, Any]:
        """The list of the audience."""
        self._lists[audience_key], settings = self._partner.connect(self._emulator, audience_key)
        return settings

    async def take_up(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Nothing: calls come by themselves."""

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Who is on that list."""
        members = self._emulator.members(self._lists[audience_key]) or ()
        return {self._partner.household(member) for member in members}

    def faults(self) -> list[str]:
        """Requests that the partner's documents do not allow."""
        stats = self._emulator.stats()
        if not stats["violations"]:
            return []
        return [
            f"{self.name} counted {stats['violations']} violations: {stats['violationsSeen'][:3]}"
        ]


@dataclass(frozen=True, slots=True)
class Destinations:
    """What ``--destination`` can name; to be asked while the sandbox runs."""

    sandbox: Sandbox

    def chosen(self, name: str) -> list[Keeper]:
        """The keepers of a choice, the main one first."""
        if name == "files":
            return [FilesKeeper()]
        if name == "webhook":
            receiver = self.sandbox.services["webhook"]
            assert isinstance(receiver, WebhookReceiver)  # noqa: S101 - the sandbox's own
            return [WebhookKeeper(self.sandbox, receiver), FilesKeeper()]
        partner = next(partner for partner in PARTNERS if partner.slug == name)
        return [PartnerKeeper(self.sandbox, partner), FilesKeeper()]


CHOICES = ("webhook", "files", *(partner.slug for partner in PARTNERS))


def check_choice(name: str) -> None:
    """DemoFailed where there is no such choice."""
    if name not in CHOICES:
        raise DemoFailed(f"--destination is one of {', '.join(CHOICES)}, not {name}.", exit_code=2)
