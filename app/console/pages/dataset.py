"""One dataset: its first rows, how its file was read, former contents, the audiences that read it, its database; and its actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.console.addresses import api_of, dataset_link
from app.console.checked import checked
from app.console.column_words import type_words
from app.console.file_source_forms import FORMATS, check_words, sent_file_source
from app.console.routing import Action
from app.console.source_forms import SSL_MODES, sent_source
from app.console.tabs import Tab, routes_of
from app.console.uploads import upload_arguments
from app.console.visits import Done, Shown, Visit
from app.console.words import plural
from app.contract.extensions.datasets import DatasetPatch
from app.core.errors import NotFound
from app.services import datasets

_REMOVABLE = ("caCertificate", "table", "query")


@dataclass(frozen=True, slots=True)
class DatasetView:
    """The view model of a dataset; ``former`` is the content before, ``check`` the result of the check that was asked for."""

    dataset: Any
    address: str
    tab: str
    tabs: Mapping[str, Tab]
    content: Any
    former: Any
    users: int
    check: Any = None

    @property
    def is_database(self) -> bool:
        """Whether it is read from a database, and so has no content here."""
        return datasets.is_database(self.dataset)

    @property
    def is_file(self) -> bool:
        """Whether its content is that of a file, which each run reads if it changed."""
        return datasets.is_file(self.dataset)

    @property
    def columns(self) -> Sequence[tuple[str, str]]:
        """The names and types of the columns, in their order."""
        return self.dataset.columns.get("columns") or ()

    @property
    def changed_columns(self) -> Sequence[str]:
        """In which columns the content differs from the one before, in words."""
        if self.former is None:
            return ()
        now, before = dict(self.columns), dict(self.former.columns.get("columns") or ())
        return [
            *(f"{name} is new" for name in now if name not in before),
            *(f"{name} is gone" for name in before if name not in now),
            *(
                f"{name} was {_type(before[name], now[name])}, and is {_type(now[name], before[name])}"
                for name in now
                if name in before and now[name] != before[name]
            ),
        ]


def _type(kind: str, other: str) -> str:
    """Return a type in words; as the engine calls it, if the other one has the same words."""
    words = type_words(kind)
    return kind if words == type_words(other) else words


async def show_dataset(visit: Visit) -> Shown:
    """Show a dataset with one of its tabs. Raises NotFound for a dataset or a tab that does not exist."""
    return await _page(visit)


async def _page(visit: Visit, check: Any = None) -> Shown:
    session, space_id, dataset_id = visit.session, visit.space_id, visit.path("datasetId")
    dataset = await datasets.get_dataset(session, space_id, dataset_id)
    tabs = _tabs_of(dataset)
    tab = visit.asked("tab") or next(iter(tabs))
    if tab not in tabs:
        raise NotFound("This page does not exist.")
    former = await datasets.newest_contents(session, space_id, [dataset_id])
    content = await tabs[tab].read(visit, dataset)
    if tab == "users":
        users = content
    else:
        users = (await datasets.users_by_dataset(session, space_id, [dataset.name]))[dataset.name]
    address = dataset_link(space_id, dataset_id)
    view = DatasetView(
        dataset=dataset,
        address=address,
        tab=tab,
        tabs=tabs,
        content=content,
        former=former.get(dataset_id),
        users=len(users),
        check=check,
    )
    paths = dict.fromkeys((api_of(address), api_of(address) + tabs[tab].api))
    actors = [dataset.created_by, dataset.updated_by, *tabs[tab].actors(content)]
    return Shown(
        "dataset.html", dataset.name, view, section="datasets", api=list(paths), actors=actors
    )


# Tabs


async def _rows(visit: Visit, dataset: Any) -> Any:
    found = await datasets.read_first_rows(
        visit.platform, space_id=visit.space_id, dataset_id=dataset.id
    )
    return {"rows": found}


async def _nothing(visit: Visit, dataset: Any) -> None:
    return None


async def _contents(visit: Visit, dataset: Any) -> Any:
    return await datasets.list_contents(visit.session, visit.space_id, dataset.id)


async def _users(visit: Visit, dataset: Any) -> Any:
    return await datasets.list_users(visit.session, visit.space_id, dataset.id)


async def _source(visit: Visit, dataset: Any) -> Any:
    source = datasets.shown_source(visit.platform.keyring, visit.caller.workspace_id, dataset)
    return {"source": source, "ssl_modes": SSL_MODES}


async def _file(visit: Visit, dataset: Any) -> Any:
    source = datasets.shown_file(visit.platform.keyring, visit.caller.workspace_id, dataset)
    return {"source": source, "formats": FORMATS}


_USED = Tab("Used by", "dataset/users.html", _users, "/audiences")
_UPLOAD_TABS: Mapping[str, Tab] = {
    "content": Tab("Content", "dataset/content.html", _rows, "/rows"),
    "reading": Tab("How it was read", "dataset/reading.html", _rows, "/rows"),
    "former": Tab(
        "Former contents",
        "dataset/former.html",
        _contents,
        "/contents",
        actors=lambda former: [one.uploaded_by for one in former],
    ),
    "users": _USED,
}
_DATABASE_TABS: Mapping[str, Tab] = {
    "source": Tab("Database", "dataset/source.html", _source),
    "columns": Tab("Columns", "dataset/columns.html", _nothing),
    "users": _USED,
}


_FILE_TABS: Mapping[str, Tab] = {
    "content": _UPLOAD_TABS["content"],
    "file": Tab("File", "dataset/file.html", _file),
    **{key: _UPLOAD_TABS[key] for key in ("reading", "former", "users")},
}


def _tabs_of(dataset: Any) -> Mapping[str, Tab]:
    if datasets.is_file(dataset):
        return _FILE_TABS
    return _DATABASE_TABS if datasets.is_database(dataset) else _UPLOAD_TABS


# Actions


def _address(visit: Visit, tab: str = "") -> str:
    address = dataset_link(visit.space_id, visit.path("datasetId"))
    return f"{address}?tab={tab}" if tab else address


async def replace(visit: Visit) -> Done:
    """Replace the content by a file. Raises Invalid for each fault, and Conflict if audiences would break, unless that is allowed."""
    dataset = await datasets.put_dataset_content(
        visit.platform,
        visit.sent_file().pieces,
        space_id=visit.space_id,
        dataset_id=visit.path("datasetId"),
        allow_breaking=visit.sent("allowBreaking") == "true",
        actor=visit.caller.actor,
        now=visit.now,
        **upload_arguments(visit),
    )
    note = f"{dataset.name} has {plural(dataset.row_count, 'row')} now. Check below how the file was read."
    return Done(_address(visit), note)


async def restore(visit: Visit) -> Done:
    """Make a former content the current one again. Raises NotFound."""
    dataset = await datasets.restore_content(
        visit.session,
        visit.space_id,
        visit.path("datasetId"),
        visit.sent("content"),
        actor=visit.caller.actor,
        now=visit.now,
    )
    note = f"The former content with {plural(dataset.row_count, 'row')} is restored. The one that it replaced is kept."
    return Done(_address(visit), note)


async def check(visit: Visit) -> Shown:
    """Check the database or the file, with no transaction open."""
    await visit.end_transaction()
    result = await datasets.check_dataset(
        visit.platform,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        dataset_id=visit.path("datasetId"),
        now=visit.now,
    )
    return await _page(visit, result)


async def save_source(visit: Visit) -> Done:
    """Save the settings of the database. Raises Invalid for each fault."""
    source = sent_source(visit, removes=_REMOVABLE)
    checked(DatasetPatch, {"source": source.wire})
    await datasets.update_dataset(
        visit.session,
        visit.platform.keyring,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        dataset_id=visit.path("datasetId"),
        source=source.fields,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit), "The settings are saved. Check the database before its use.")


async def save_file(visit: Visit) -> Done:
    """Save what the form changes of the file. Raises Invalid for each fault, and if the place of the file refuses the settings."""
    workspace_id, dataset_id = visit.caller.workspace_id, visit.path("datasetId")
    dataset = await datasets.get_dataset(visit.session, visit.space_id, dataset_id)
    stored = datasets.shown_file(visit.platform.keyring, workspace_id, dataset)
    sent = sent_file_source(visit, stored)
    if not sent.wire:
        return Done(_address(visit, "file"), "Nothing was changed.")
    checked(DatasetPatch, {"file": sent.wire})
    await visit.end_transaction()  # the place of the file is asked with no transaction open
    warnings = await datasets.check_changed_file(
        visit.platform, workspace_id, visit.space_id, dataset_id, sent.fields, now=visit.now
    )
    await datasets.update_dataset(
        visit.session,
        visit.platform.keyring,
        workspace_id=workspace_id,
        space_id=visit.space_id,
        dataset_id=dataset_id,
        source=None,
        file=sent.fields,
        permits_roles=visit.platform.settings.permits_roles,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return Done(_address(visit, "file"), f"The settings are saved. {check_words(warnings)}")


async def delete(visit: Visit) -> Done:
    """Remove the dataset, unless the definition of an audience names it."""
    await datasets.delete_dataset(
        visit.session,
        visit.platform.keyring,
        workspace_id=visit.caller.workspace_id,
        space_id=visit.space_id,
        dataset_id=visit.path("datasetId"),
        actor=visit.caller.actor,
    )
    return Done(visit.link("datasets"), "The dataset is removed.")


ONE = "/console/spaces/{spaceId}/datasets/{datasetId}"
_ACTIONS: Mapping[str, Action] = {
    "restore": restore,
    "check": check,
    "source": save_source,
    "file": save_file,
    "delete": delete,
}
ROUTES = routes_of(ONE, show_dataset, _ACTIONS, uploads={"replace": replace})
