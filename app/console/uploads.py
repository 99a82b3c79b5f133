"""Uploads by forms: the arguments of the services that receive a file, and the fields of the API's query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from app.console.visits import Visit
from app.domain.charsets import DETECT
from app.services import datasets
from app.services.platform import Session, type_of_file

USUAL_CHARSETS = {
    "windows-1252": "Windows, Western Europe",
    "windows-1250": "Windows, Central Europe",
    "windows-1251": "Windows, Cyrillic",
    "windows-1253": "Windows, Greek",
    "windows-1254": "Windows, Turkish",
    "macintosh": "Mac, Western Europe",
    "ibm850": "DOS, Western Europe",
    "shift_jis": "Japanese",
    "gb18030": "Chinese",
    "euc-kr": "Korean",
}


def upload_arguments(visit: Visit) -> dict[str, Any]:
    """Return the arguments ``{content_type, content_encoding, announced, delimiter}`` of a service that receives a file.

    Raises Invalid if no file was chosen, UnsupportedMediaType for a name whose ending is not known.
    """
    length = visit.request.headers.get("content-length", "")
    content_type = type_of_file(visit.sent_file().name)
    content_type += f"; charset={visit.sent('charset') or DETECT}"
    return {
        "content_type": content_type,
        "content_encoding": None,  # compression is recognised in the file
        "announced": int(length) if length.isdecimal() else None,
        "delimiter": visit.sent("delimiter") or None,
    }


async def fill_new_dataset(visit: Visit, dataset_id: str, arguments: Mapping[str, Any]) -> Any:
    """Fill a dataset that was just added with the file of the form. Returns its row. If the file cannot be read, no dataset is left."""
    space_id, actor = visit.space_id, visit.caller.actor
    remove = partial(
        datasets.delete_dataset,
        keyring=visit.platform.keyring,
        workspace_id=visit.caller.workspace_id,
        space_id=space_id,
        dataset_id=dataset_id,
        actor=actor,
    )
    async with removed_if_it_fails(visit, remove):
        return await datasets.put_dataset_content(
            visit.platform,
            visit.sent_file().pieces,
            space_id=space_id,
            dataset_id=dataset_id,
            actor=actor,
            now=visit.now,
            **arguments,
        )


@asynccontextmanager
async def removed_if_it_fails(
    visit: Visit, remove: Callable[[Session], Awaitable[object]]
) -> AsyncIterator[None]:
    """Run a block that fills what was just added. If it fails, also by a visitor who leaves, ``remove`` is called in a transaction."""
    try:
        yield
    except BaseException:
        async with visit.platform.unit_of_work() as session:
            await remove(session)
        raise
