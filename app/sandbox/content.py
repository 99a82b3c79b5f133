"""What the sandbox shows of its emulators, as JSON values. The page and the control API show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from app.sandbox.faults import Faults
from app.sandbox.recorder import Recorder
from app.sandbox.service import Service
from app.sandbox.stores import Stores
from app.sandbox.tally import SHOWN_VIOLATIONS

_PHONES = ("phone", "phone_number")
_LISTS = ("lists", "audiences", "segments")  # the part of a path before the id of a list


@dataclass(slots=True)
class Content:
    """The emulators of one sandbox, and what they received."""

    services: Mapping[str, Service]
    faults: Faults
    recorder: Recorder
    urls: Mapping[str, str]
    stores: Stores | None = None

    def overview(self) -> dict[str, Any]:
        """Return ``{"services": [service], "faults": [fault], "stores": [store]}``."""
        return {
            "services": [self.service(name) for name in self.services],
            "faults": self.faults.listed(),
            "stores": self.shown_stores(),
        }

    def service(self, name: str) -> dict[str, Any]:
        """Return ``{"name", "title", "url"}`` of an emulator with its numbers of lists, members, requests, violations."""
        service = self.services[name]
        lists = service.lists()
        return {
            "name": name,
            "title": service.title,
            "url": self.urls.get(name, ""),
            "lists": len(lists),
            "members": sum(one["members"] for one in lists),
            "requests": self.recorder.count(name),
            "violations": self._violations_count(name),
        }

    def violations(self, name: str) -> dict[str, Any]:
        """Return ``{"violations": [{"fault", "times", "request"}], "count"}``, most frequent faults first.

        ``request`` is the first one with the fault, None if it is not known. Only the first violations are kept.
        """
        times: Counter[str] = Counter()
        requests: dict[str, str | None] = {}
        for one in self.services[name].violations:
            fault, request = (
                (one["fault"], one["request"]) if isinstance(one, dict) else (str(one), None)
            )
            times[fault] += 1
            requests.setdefault(fault, request)
        return {
            "violations": [
                {"fault": fault, "times": count, "request": requests[fault]}
                for fault, count in times.most_common(SHOWN_VIOLATIONS)
            ],
            "count": self._violations_count(name),
        }

    def _violations_count(self, name: str) -> int:
        service = self.services[name]
        return int(service.stats().get("violations", len(service.violations)))

    def members(
        self, name: str, list_id: str, search: str = "", limit: int | None = None, offset: int = 0
    ) -> dict[str, Any] | None:
        """Return ``{"members", "count"}`` of a list, or None if there is no such list.

        ``members`` are those in whose values ``search`` occurs, without regard to case: ``limit`` of them from
        ``offset`` on. ``count`` is the number of all that match. Raises ValueError if a number is out of range.
        """
        members = self.services[name].members(list_id)
        if members is None:
            return None
        wanted = search.strip().casefold()
        if wanted:
            members = [
                one for one in members if any(wanted in text.casefold() for text in _texts(one))
            ]
        if (limit is not None and limit < 1) or offset < 0:
            raise ValueError("limit must be at least 1, and offset at least 0")
        end = None if limit is None else offset + limit
        return {"members": members[offset:end], "count": len(members)}

    def list_names(self, name: str) -> dict[str, str]:
        """Return ``{id: name}`` of an emulator's lists. A list without a name has its id."""
        return {
            str(one["id"]): str(one["name"] or one["id"]) for one in self.services[name].lists()
        }

    def shown_stores(self) -> list[dict[str, Any]]:
        """Return ``[{"name", "title", "url", "files": [{"name", "size", "changed"}]}]``, newest files first."""
        return self.stores.listed() if self.stores else []


def shown_member(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"id", "email", "phone", "more": {name: value}}``; what is empty is None or left out."""
    identifiers = member.get("identifiers")
    values = {
        **{name: value for name, value in member.items() if name != "identifiers"},
        **(identifiers if isinstance(identifiers, dict) else {}),
    }
    phone = next((values[name] for name in _PHONES if values.get(name)), None)
    return {
        "id": str(member["id"]),
        "email": values.get("email"),
        "phone": phone,
        "more": {
            name: value
            for name, value in values.items()
            if name not in ("id", "email", *_PHONES) and value not in (None, "", {}, [])
        },
    }


def list_of(path: str, names: Mapping[str, str]) -> str | None:
    """Return the name of the list whose id follows ``lists`` or ``audiences`` in a path, or None."""
    parts = path.split("/")
    for before, part in pairwise(parts):
        if before in _LISTS and part in names:
            return names[part]
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)
