"""Datasets: the tables of a space, and the forms that add one: an upload, a database, or a file that runs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.console.addresses import dataset_link
from app.console.checked import checked
from app.console.errors import PageRoute
from app.console.file_source_forms import FORMATS, check_words, sent_file_source
from app.console.lists import page_of
from app.console.routing import get, post
from app.console.source_forms import SSL_MODES, sent_source
from app.console.uploads import fill_new_dataset, upload_arguments
from app.console.visits import Done, Shown, Visit
from app.console.words import plural
from app.contract.extensions.datasets import DatasetInput
from app.core.errors import NotFound
from app.core.pagination import Page
from app.services import datasets

_KINDS = {
    "file": "Upload a file",
    "object": "Read a file at each run",
    "database": "Connect a database",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A dataset in the list; ``former`` is the content before, None if none is kept."""

    dataset: Any
    address: str
    former: Any
    users: Sequence[datasets.DatasetUser]

    @property
    def columns(self) -> Sequence[tuple[str, str]]:
        """The names and types of the columns."""
        return self.dataset.columns.get("columns") or ()

    @property
    def more_rows(self) -> int | None:
        """How many rows the content has more than the one before; None without one."""
        return self.dataset.row_count - self.former.row_count if self.former else None


async def show_datasets(visit: Visit) -> Shown:
    """Show the datasets of the space."""
    session, space_id = visit.session, visit.space_id
    found = await datasets.page_datasets(session, space_id, page_of(visit))
    former = await datasets.newest_contents(session, space_id, [one.id for one in found.entries])
    users = await datasets.users_by_dataset(session, space_id, [one.name for one in found.entries])
    page: Page[Row] = found.map(
        lambda one: Row(
            one, dataset_link(space_id, one.id), former.get(one.id), users.get(one.name, ())
        )
    )
    path = f"/spaces/{space_id}/datasets"
    return Shown("datasets.html", "Datasets", page, section="datasets", api=[path])


async def show_new(visit: Visit) -> Shown:
    """Show the form of a kind. Raises NotFound for another kind."""
    kind = visit.asked("kind") or "file"
    if kind not in _KINDS:
        raise NotFound("This page does not exist.")
    return Shown(
        "dataset_new.html",
        "Add a dataset",
        {
            "kind": kind,
            "kinds": _KINDS,
            "ssl_modes": SSL_MODES,
            "formats": FORMATS,
        },
        section="datasets",
        api=[f"/spaces/{visit.space_id}/datasets"],
    )


async def add_file(visit: Visit) -> Done:
    """Add a dataset with a file. If the file cannot be read, no dataset is left. Raises Invalid for each fault."""
    checked(DatasetInput, {"name": visit.sent("name"), "kind": "upload"})
    arguments = upload_arguments(visit)
    async with visit.platform.unit_of_work() as session:
        dataset = await _create(visit, session, "upload", None)
    filled = await fill_new_dataset(visit, dataset.id, arguments)
    note = (
        f"{filled.name} has {plural(filled.row_count, 'row')}. Check below how the file was read."
    )
    return Done(dataset_link(visit.space_id, dataset.id), await _with_warnings(visit, note))


async def add_database(visit: Visit) -> Done:
    """Add a dataset that is read from a database. Raises Invalid for each fault."""
    source = sent_source(visit)
    checked(DatasetInput, {"name": visit.sent("name"), "kind": "postgres", "source": source.wire})
    dataset = await _create(visit, visit.session, "postgres", source.fields)
    note = await _with_warnings(visit, "The database is added. Check it before its use.")
    return Done(dataset_link(visit.space_id, dataset.id), note)


async def add_object(visit: Visit) -> Done:
    """Add a dataset of which each run reads a file. Raises Invalid for each fault, and if the place of the file refuses the settings."""
    sent = sent_file_source(visit)
    checked(DatasetInput, {"name": visit.sent("name"), "kind": "object", "file": sent.wire})
    await visit.end_transaction()  # the place of the file is asked with no transaction open
    warnings = await datasets.check_new_file(
        visit.platform, visit.caller.workspace_id, sent.fields, now=visit.now
    )
    dataset = await _create(visit, visit.session, "object", None, file=sent.fields)
    note = f"The file is added; the next run that needs it reads it. {check_words(warnings)}"
    return Done(
        f"{dataset_link(visit.space_id, dataset.id)}?tab=file", await _with_warnings(visit, note)
    )


async def _with_warnings(visit: Visit, note: str) -> str:
    """Return a note with what is to be known of the name that was sent."""
    found = await datasets.dataset_name_warnings(visit.sent("name"))
    return " ".join([note, *(one.message for one in found)])


async def _create(visit: Visit, session: Any, kind: str, source: Any, *, file: Any = None) -> Any:
    return await datasets.create_dataset(
        session,
        visit.platform.keyring,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        name=visit.sent("name"),
        kind=kind,
        source=source,
        file=file,
        permits_roles=visit.platform.settings.permits_roles,
        actor=visit.caller.actor,
    )


_ALL = "/console/spaces/{spaceId}/datasets"
_NEW = _ALL + "/new"
ROUTES = (
    PageRoute(_ALL, get(show_datasets)),
    PageRoute(_NEW, get(show_new)),
    PageRoute(f"{_NEW}/file", post(add_file, on=show_new, takes_file=True), methods=["POST"]),
    PageRoute(f"{_NEW}/database", post(add_database, on=show_new), methods=["POST"]),
    PageRoute(f"{_NEW}/object", post(add_object, on=show_new), methods=["POST"]),
)
