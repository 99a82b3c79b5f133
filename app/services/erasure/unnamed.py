"""Files that no row names any more: those that name the person are deleted at once, not after the collector's grace.

Work that was being done when a file was first found without a row may still read it. It is written down with the erasure, and
the file is deleted when all of it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from app.core import clock
from app.core.logging import get_logger
from app.core.objects import ObjectMissing
from app.core.threads import in_thread
from app.domain.persons import Person
from app.services.platform import Platform
from app.snapshots.erasure import names_person
from app.storage.repositories.collection import CollectionQueries
from app.storage.repositories.personal_data import PersonalDataQueries

log = get_logger(__name__)

_YOUNG = timedelta(seconds=60)  # the row of a file that was just written may follow


async def unnamed_files(platform: Platform, space_id: str, clean: set[str]) -> dict[str, bool]:
    """Return ``{key: is young}`` for the files of a space that no row names and that are not known to be ``clean``."""
    # A short lease, as in tests, also makes the wait short.
    young = clock.now() - min(_YOUNG, platform.settings.lease)
    listed = {
        key: written >= young
        async for key, _, written in platform.objects.list(f"spaces/{space_id}")
    }
    async with platform.unit_of_work() as session:
        named = await CollectionQueries(session).named_keys()
    return {key: one for key, one in listed.items() if key not in named and key not in clean}


async def _names(platform: Platform, key: str, person: Person) -> bool:
    local = platform.engine.scratch_file(".unnamed")
    try:
        with local.open("wb") as file:
            async for piece in platform.objects.open_read(key):
                await in_thread(file.write, piece)
        return await platform.engine.run(
            names_person, local, person, table="/datasets/" in key, lane="medium"
        )
    except ObjectMissing:
        return False
    finally:
        local.unlink(missing_ok=True)


async def delete_unnamed(
    platform: Platform,
    space_id: str,
    person: Person,
    pins: Mapping[str, list[str]],
    clean: set[str],
    besides: str = "",
) -> tuple[dict[str, list[str]], int]:
    """Delete the unnamed files that name the person, if nothing that may read them is at work.

    ``pins`` are the readers of the files that were found before. A young file is left, because a row may name it soon: it
    has no readers. ``besides`` is the erasure, which is no reader. Returns ``({key: readers}, deleted)``: the files that
    are left, with their readers, and the number of deleted files.
    """
    left: dict[str, list[str]] = {}
    deleted = 0
    for key, is_young in (await unnamed_files(platform, space_id, clean)).items():
        if not pins.get(key) and not await _names(platform, key, person):
            clean.add(key)
            continue
        if is_young:
            left[key] = []
            continue
        async with platform.unit_of_work() as session:
            at_work = await PersonalDataQueries(session).open_work(space_id, besides=besides)
        readers = [one for one in pins.get(key) or at_work if one in at_work]
        if readers:
            left[key] = readers
            continue
        await platform.objects.delete(key)
        deleted += 1
    if deleted:
        log.info("erased_files_deleted", count=deleted)
    return left, deleted
