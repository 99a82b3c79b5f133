"""An audience from a file: the file becomes a dataset, the visitor says what its columns are, and SQL reads them so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from app.console.column_choices import (
    IDENTIFIERS,
    ROLES,
    ColumnChoice,
    definition_of,
    guessed,
    guessed_roles,
)
from app.console.form_values import FormValues
from app.console.key_columns import check_key, key_notes, left_out_note, likely_keys
from app.console.uploads import fill_new_dataset, upload_arguments
from app.console.visits import Visit
from app.core.errors import AppError, Conflict, Invalid
from app.domain.row_keys import KeyCounts
from app.domain.slugs import slug_of
from app.services import audiences, datasets, tenancy

_LONGEST = 50  # characters of a dataset's name
_MOST_ALIKE = 50  # datasets with the same name and a number


@dataclass(frozen=True, slots=True)
class ColumnsContent:
    """The columns of a dataset, each with what it probably is; ``person`` is the one that tells people apart."""

    dataset: Any
    columns: Sequence[ColumnChoice]
    person: str
    name: str
    rows: Sequence[Mapping[str, Any]]  # the first ones, for examples
    key_notes: Mapping[str, str]  # what speaks against columns that tell people apart
    key_fault: str  # why no audience can be made by ``person``

    @property
    def roles(self) -> Any:
        """What a column can be, in words."""
        return ROLES

    @property
    def has_address(self) -> bool:
        """Whether a column is an identifier."""
        return any(one.role in IDENTIFIERS for one in self.columns)


async def receive_dataset(visit: Visit) -> Any:
    """Receive the file of a form as a new dataset, named after the file. Raises Invalid if it cannot be read.

    No transaction is open while the file is received. If it cannot be read, no dataset is left.
    """
    file = visit.sent_file()
    arguments = upload_arguments(visit)
    dataset = await _new_dataset(visit, _stem(file.name))
    try:
        return await fill_new_dataset(visit, dataset.id, arguments)
    except AppError as error:
        if error.status == 422:
            of_form = error.field if error.field in ("charset", "delimiter") else "file"
            raise Invalid(error.message, field=of_form) from error
        raise


def _stem(file_name: str) -> str:
    return PurePath(file_name.replace("\\", "/")).name.partition(".")[0]


async def _new_dataset(visit: Visit, stem: str) -> Any:
    """Create a dataset whose name is a table's name, with a number if the name is in use."""
    base = slug_of(stem, separator="_", limit=_LONGEST, fallback="people")
    base = base if base[0].isalpha() else f"file_{base}"
    for number in range(1, _MOST_ALIKE):
        name = base if number == 1 else f"{base}_{number}"
        try:
            async with visit.platform.unit_of_work() as session:
                return await datasets.create_dataset(
                    session,
                    visit.platform.keyring,
                    workspace_id=visit.caller.workspace_id,
                    space_id=visit.space_id,
                    name=name,
                    kind="upload",
                    source=None,
                    actor=visit.caller.actor,
                )
        except Conflict:
            continue
    raise Conflict(f"There are {_MOST_ALIKE} datasets named {base}. Rename the file.", field="file")


async def columns_content(visit: Visit, dataset_id: str) -> ColumnsContent:
    """Return the columns of a dataset, with what was chosen or what they probably are. Raises NotFound, and Invalid if it has none."""
    dataset = await datasets.get_dataset(visit.session, visit.space_id, dataset_id)
    known = [(name, kind) for name, kind in dataset.columns.get("columns") or ()]
    if not known:
        raise Invalid("The file has no columns.")
    counts = await _key_counts(visit, dataset_id, [name for name, _ in known])
    person, columns = guessed(known, counts)
    form = FormValues(visit.form)
    if form.has("column"):
        chosen = {row[0]: row[1] for row in form.rows("column", "role")}
        columns = [
            ColumnChoice(one.name, one.type, chosen.get(one.name, one.role)) for one in columns
        ]
        person = form.one("person") or person
    read = _read_columns(dataset)
    columns = [
        replace(one, note=read[one.name]["reason"], conversion=read[one.name]["conversion"])
        if one.name in read
        else one
        for one in columns
    ]
    rows = await datasets.read_first_rows(
        visit.platform, space_id=visit.space_id, dataset_id=dataset_id
    )
    name = form.one("audience_name") or dataset.name.replace("_", " ").capitalize()
    return ColumnsContent(
        dataset,
        columns,
        person,
        name,
        rows,
        key_notes(counts),
        _key_fault(person, counts),
    )


async def _key_counts(
    visit: Visit, dataset_id: str, names: Sequence[str]
) -> Mapping[str, KeyCounts]:
    """Return what columns are as keys; of a large dataset, only of the likeliest ones."""
    roles = guessed_roles(names)
    return await datasets.read_key_counts(
        visit.platform,
        space_id=visit.space_id,
        dataset_id=dataset_id,
        columns=list(dict.fromkeys([*likely_keys(names, roles), *names])),
        addresses=[name for name, role in roles.items() if role == "email"],
    )


def _key_fault(person: str, counts: Mapping[str, KeyCounts]) -> str:
    try:
        check_key(person, counts)
    except Invalid as error:
        return error.message
    return ""


def _read_columns(dataset: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return what the report says about columns that have a conversion: ``{name: {reason, conversion, …}}``."""
    found = (dataset.reading or {}).get("columns") or ()
    return {one["name"]: one for one in found if one.get("conversion")}


async def create_from_columns(visit: Visit, dataset_id: str) -> tuple[Any, str]:
    """Create the audience that reads a dataset by the columns of the form, and compute it.

    Returns its row, and how many rows are left out as a sentence. Raises Invalid if the name is missing, or if the
    choices make no audience.
    """
    form = FormValues(visit.form)
    dataset = await datasets.get_dataset(visit.session, visit.space_id, dataset_id)
    names = [name for name, _ in dataset.columns.get("columns") or ()]
    person = form.one("person")
    chosen = [(name, role) for name, role in form.rows("column", "role") if name in names]
    if not form.one("audience_name"):
        raise Invalid("Enter a name.", field="audience_name")
    conversions = {name: one["conversion"] for name, one in _read_columns(dataset).items()}
    space = await tenancy.get_space(visit.session, visit.caller.workspace_id, visit.space_id)
    query = definition_of(dataset.name, person, chosen, conversions, space.absent_words or ())
    counts = await datasets.read_key_counts(
        visit.platform,
        space_id=visit.space_id,
        dataset_id=dataset_id,
        columns=list(dict.fromkeys([person, *likely_keys(names, guessed_roles(names)), *names])),
        addresses=[name for name, role in chosen if role == "email"],
    )
    check_key(person, counts)
    view = await audiences.create_audience(
        visit.session,
        space_id=visit.space_id,
        name=form.one("audience_name")[:255],
        query=query,
        audience_type="USERS",
        actor=visit.caller.actor,
        now=visit.now,
    )
    await audiences.force_run(
        visit.session,
        visit.space_id,
        view.audience.id,
        actor=visit.caller.actor,
        now=visit.now,
    )
    return view.audience, left_out_note(person, counts.get(person))
