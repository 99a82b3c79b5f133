"""Erasures of persons: the receipt with its progress, and the list. The form is on the page of the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.addresses import activation_link, dataset_link, receipt_link
from app.console.code_words import code_words
from app.console.errors import PageRoute
from app.console.routing import get
from app.console.visits import Shown, Visit
from app.core.pagination import Page, PageRequest
from app.domain.erasure_states import ErasureState
from app.services import datasets, erasure, reports

_LISTED = 50
_MOST_DATASETS = 200
_WORDS = {
    ErasureState.NEW: "Running",
    ErasureState.WAITING: "Waits",
    ErasureState.COMPLETE: "Complete",
}
#: Names of the files in the receipt. The other places are tables of the database.
_PLACES = {
    "datasets": "Datasets",
    "formerContents": "Former contents of datasets",
    "snapshots": "Snapshots of audiences",
    "holdings": "What destinations hold",
    "plans": "Plans of syncs",
    "outcomes": "Outcomes of syncs",
    "exports": "Exported files",
    "files": "Files that nothing used any more",
}
_KEPT = {
    "mode_append": "Its activation only adds members.",
    "mode_remove": "Its activation only removes the members of its audience.",
    "type_without_exits": "Its type of activation sends no exits.",
    "activation_deleted": "Its activation was deleted.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in which the person was found, with the number of files, rows and values."""

    name: str
    files: int
    deleted: int
    rows: int
    values: int


@dataclass(frozen=True, slots=True)
class Named:
    """A resource that the receipt mentions: its name, its page if there is one, and a sentence about it."""

    name: str
    address: str | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """The view model of a receipt. It contains no name of the person."""

    erasure: Any
    address: str
    word: str
    places: Sequence[Place]
    waits: Sequence[Named]
    kept: Sequence[Named]
    returns: Sequence[Named]

    @property
    def is_open(self) -> bool:
        """Whether the erasure is not complete."""
        return bool(self.erasure.state != ErasureState.COMPLETE)

    @property
    def configured(self) -> Sequence[Mapping[str, str]]:
        """Where the configuration names the person: ``[{"table": …, "id": …, "column": …}]``."""
        return self.erasure.found.get("configured") or ()

    def count(self, name: str) -> int:
        """Return ``profiles``, ``identifiers`` or ``shared``: the number of names that were found."""
        return int(self.erasure.found.get(name, 0))


@dataclass(frozen=True, slots=True)
class ErasuresView:
    """The view model of the list."""

    page: Page[Any]
    words: Mapping[ErasureState, str]


async def show_erasures(visit: Visit) -> Shown:
    """Show the erasures of the space, oldest first."""
    asked = PageRequest(_LISTED, visit.asked("cursor"))
    found = await erasure.page_erasures(visit.session, visit.space_id, asked)
    view = ErasuresView(found, _WORDS)
    api = [f"/spaces/{visit.space_id}/erasures"]
    actors = [one.requested_by for one in found.entries]
    return Shown("erasures.html", "Erasures", view, section="profile", api=api, actors=actors)


async def show_receipt(visit: Visit) -> Shown:
    """Show how far an erasure is, and what it found. Raises NotFound."""
    session, space_id = visit.session, visit.space_id
    found = await erasure.get_erasure(session, space_id, visit.path("erasureId"))
    kept = found.found.get("kept") or ()
    places = found.found.get("places") or {}
    view = ReceiptView(
        erasure=found,
        address=receipt_link(space_id, found.id),
        word=_WORDS[found.state],
        places=[_place(name, counts) for name, counts in places.items()],
        waits=[await _waited(visit, one) for one in found.waits],
        kept=[await _activation(visit, one["activationId"], _KEPT[one["reason"]]) for one in kept],
        returns=await _returns(visit, found.found.get("returns") or ()),
    )
    api = [f"/spaces/{space_id}/erasures/{found.id}"]
    actors = [found.requested_by]
    return Shown(
        "erasure.html", "Erasure of a person", view, section="profile", api=api, actors=actors
    )


def _place(name: str, counts: Mapping[str, int]) -> Place:
    files, deleted = counts.get("files", 0), counts.get("deleted", 0)
    rows, values = counts.get("rows", 0), counts.get("values", 0)
    words = _PLACES.get(name) or f"{code_words(name, 'table')} (records)"
    return Place(words, files, deleted, rows, values)


async def _waited(visit: Visit, wait: Mapping[str, Any]) -> Named:
    text = erasure.describe_wait(wait["reason"])
    if wait.get("activationId") is None:
        return Named("Work of this service", None, text)
    return await _activation(visit, wait["activationId"], text, wait.get("syncId"))


async def _activation(
    visit: Visit, activation_id: str, text: str, sync_id: str | None = None
) -> Named:
    """Return an activation with its destination; one that was deleted has its id only."""
    sought = reports.Sought(activation_id=activation_id)
    found = await reports.page_overview(visit.session, visit.space_id, sought, PageRequest(1))
    if not found.entries:
        return Named(activation_id, None, text)
    overview = found.entries[0]
    rest = ("syncs", sync_id) if sync_id else ()
    address = activation_link(visit.space_id, overview.activation.audience_id, activation_id, *rest)
    return Named(f"{overview.destination_name}: {overview.activation.name}", address, text)


async def _returns(visit: Visit, ids: Sequence[str]) -> Sequence[Named]:
    if not ids:
        return ()
    page = await datasets.page_datasets(visit.session, visit.space_id, PageRequest(_MOST_DATASETS))
    names = {one.id: one.name for one in page.entries}
    return [Named(names.get(one, one), dataset_link(visit.space_id, one)) for one in ids]


_SPACE = "/console/spaces/{spaceId}"
ROUTES = (
    PageRoute(f"{_SPACE}/erasures", get(show_erasures)),
    PageRoute(f"{_SPACE}/erasures/{{erasureId}}", get(show_receipt)),
)
