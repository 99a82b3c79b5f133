"""The demo's destinations, and how it reads their lists back: the receiver, exported files, or a partner's emulator."""

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
    """A destination that keeps lists of households."""

    name: str

    async def open(self, api: Api, service: Service) -> str:
        """Create the destination in the service. Returns its id."""

    def connection(self, audience_key: str) -> dict[str, Any]:
        """Return ``{setting: value}``, the ``connectionSettings`` of an audience. Creates the list if needed."""

    async def fetch(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Download the result of a sync, if the service does not send it."""

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Return the ids of the households on the list of an activation."""

    def faults(self) -> list[str]:
        """Return the faults that it noticed, one sentence each."""


class WebhookKeeper:
    """The sandbox's receiver, which verifies each signature and keeps one list per activation."""

    name = "receiver"

    def __init__(self, sandbox: Sandbox, receiver: WebhookReceiver) -> None:
        self._sandbox = sandbox
        self._receiver = receiver

    async def open(self, api: Api, service: Service) -> str:
        """Create a signed webhook, and give its secret to the receiver. Returns the destination's id."""
        url = self._sandbox.urls[self._receiver.name] + PATH
        created = await api.add_destination("webhook", "Demo receiver", {"url": url})
        self._receiver.set_secrets("*", [created["settings"]["secret"]])
        destination_id: str = created["id"]
        return destination_id

    def connection(self, audience_key: str) -> dict[str, Any]:
        """Return ``{}``, because each message names its audience."""
        return {}

    async def fetch(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Do nothing, because the service sends the messages."""

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Return the ids of the households on the list of an activation."""
        return {member["id"] for member in self._receiver.members(activation_id) or ()}

    def faults(self) -> list[str]:
        """Return one sentence for each counter of the receiver that must be zero and is not."""
        stats = self._receiver.stats()
        zero = ("bad_signatures", "unverified", "changed_repeats", "inversions")
        return [f"the receiver counted {stats[name]} {name}" for name in zero if stats[name]]


@dataclass
class FilesKeeper:
    """CSV files, one per sync. Reading them in their order gives the lists."""

    name: str = "files"
    _lists: dict[str, set[str]] = field(default_factory=dict)

    async def open(self, api: Api, service: Service) -> str:
        """Create a destination whose files the service keeps for download. Returns the destination's id."""
        created = await api.add_destination("file-download", "Demo files", {"format": "csv"})
        destination_id: str = created["id"]
        return destination_id

    def connection(self, audience_key: str) -> dict[str, Any]:
        """Return ``{}``, because the format is a setting of the destination."""
        return {}

    async def fetch(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Download the files of a sync, and apply their rows to the activation's list."""
        held = self._lists.setdefault(sync["activationId"], set())
        for text in await api.exported(audience_id, sync, ending=".csv"):
            for row in csv.DictReader(StringIO(text, newline="")):
                keep = held.add if row["action"] == "entered" else held.discard
                keep(row["profile_id"])

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Return the ids of the households on the list after all downloaded files."""
        return set(self._lists.get(activation_id, ()))

    def faults(self) -> list[str]:
        """Return no faults, because files report none."""
        return []


class PartnerKeeper:
    """A partner's emulator. The demo creates its lists first, as users do on the partner's web pages."""

    def __init__(self, sandbox: Sandbox, partner: Partner) -> None:
        self.name = partner.slug
        self._url = sandbox.urls
        self._emulator = sandbox.services[partner.emulator]
        self._partner = partner
        self._lists: dict[str, str] = {}

    async def open(self, api: Api, service: Service) -> str:
        """Create a destination with the emulator's key. Returns the destination's id."""
        settings = self._partner.settings(self._url[self._partner.emulator])
        name = f"Demo {self._partner.slug}"
        created = await api.add_destination(self._partner.slug, name, settings)
        destination_id: str = created["id"]
        return destination_id

    def connection(self, audience_key: str) -> dict[str, Any]:
        """Create the audience's list. Returns ``{setting: value}``, which names the list."""
        self._lists[audience_key], settings = self._partner.connect(self._emulator, audience_key)
        return settings

    async def fetch(self, api: Api, audience_id: str, sync: dict[str, Any]) -> None:
        """Do nothing, because the service calls the partner."""

    def held(self, activation_id: str, audience_key: str) -> set[str]:
        """Return the ids of the households on the audience's list."""
        members = self._emulator.members(self._lists[audience_key]) or ()
        return {self._partner.household(member) for member in members}

    def faults(self) -> list[str]:
        """Return a sentence with the requests that the partner's documents do not allow, if there were any."""
        stats = self._emulator.stats()
        if not stats["violations"]:
            return []
        return [
            f"{self.name} counted {stats['violations']} violations: {stats['violationsSeen'][:3]}"
        ]


@dataclass(frozen=True, slots=True)
class Destinations:
    """The destinations that ``--destination`` can name. The sandbox must be running."""

    sandbox: Sandbox

    def chosen(self, name: str) -> list[Keeper]:
        """Return the keepers for the value of ``--destination``, the main one first."""
        if name == "files":
            return [FilesKeeper()]
        if name == "webhook":
            receiver = self.sandbox.services["webhook"]
            assert isinstance(receiver, WebhookReceiver)  # noqa: S101 - created by the sandbox
            return [WebhookKeeper(self.sandbox, receiver), FilesKeeper()]
        partner = next(partner for partner in PARTNERS if partner.slug == name)
        return [PartnerKeeper(self.sandbox, partner), FilesKeeper()]


CHOICES = ("webhook", "files", *(partner.slug for partner in PARTNERS))


def check_choice(name: str) -> None:
    """Check the value of ``--destination``. Raises DemoFailed if it is unknown."""
    if name not in CHOICES:
        raise DemoFailed(
            f"--destination must be one of {', '.join(CHOICES)}, not {name}.", exit_code=2
        )
