"""Checks of datasets' files: their place is asked when they are saved, and when a user asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, ConnectorError
from app.core.clock import to_wire
from app.core.errors import Invalid
from app.core.logging import get_logger
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.datasets.file_sources import (
    FIELD,
    changed_file,
    file_of,
    new_file,
    role_use,
    version_read,
)
from app.services.datasets.kinds import is_file
from app.services.platform import Platform
from app.sources import FileLate, FileMissing, FileVersion, ObjectSource, open_file
from app.storage.models import Dataset
from app.storage.repositories.datasets import DatasetRepository

log = get_logger(__name__)

SECONDS = 2.0  # that a save waits for the place
CHECK_SECONDS = 20.0
_URL = f"{FIELD}.url"


async def check_new_file(
    platform: Platform, workspace_id: str, given: Mapping[str, Any] | None, *, now: datetime
) -> Sequence[SaveWarning]:
    """Check the file of a dataset that is to be created, with no transaction open. Returns warnings.

    Raises Invalid if the settings do not fit, or if the place refuses them for good.
    """
    if given is None:
        return ()
    source = new_file(given, permits_roles=role_use(platform, workspace_id).is_permitted)
    return await _warnings(platform, workspace_id, source, now)


async def check_changed_file(
    platform: Platform,
    workspace_id: str,
    space_id: str,
    dataset_id: str,
    changes: Mapping[str, Any] | None,
    *,
    now: datetime,
) -> Sequence[SaveWarning]:
    """Check changes to the file of a dataset, with no transaction open. Returns warnings. Raises Invalid as ``check_new_file``."""
    if not changes:
        return ()
    async with platform.unit_of_work() as session:
        dataset = await DatasetRepository(session).get(space_id, dataset_id)
    if dataset is None or not is_file(dataset):
        return ()  # the save reports it
    former = file_of(platform.keyring, workspace_id, dataset)
    permitted = role_use(platform, workspace_id).is_permitted
    source = changed_file(former, changes, permits_roles=permitted)
    if set(changes) <= {"allow_breaking", "max_age_hours", "delimiter", "charset"}:
        return ()  # nothing about its place
    return await _warnings(platform, workspace_id, source, now)


async def _warnings(
    platform: Platform, workspace_id: str, source: ObjectSource, now: datetime
) -> Sequence[SaveWarning]:
    try:
        async with asyncio.timeout(SECONDS):
            await _look(platform, workspace_id, source, None, now)
    except FileMissing as error:
        return [
            SaveWarning(
                WarningCode.FILE_MISSING, _URL, f"Now {error.message}. A run without it fails."
            )
        ]
    except FileLate as error:
        return [SaveWarning(WarningCode.FILE_LATE, f"{FIELD}.maxAgeHours", f"{error.message}.")]
    except (TimeoutError, ConnectorError) as error:
        if isinstance(error, ConfigurationRejected | AuthenticationRejected):
            raise Invalid(error.message, field=_URL) from None
        log.info("file_not_checked", error=type(error).__name__)
        why = (
            error.message if isinstance(error, ConnectorError) else f"no response in {SECONDS:g} s"
        )
        return [
            SaveWarning(
                WarningCode.FILE_NOT_CHECKED,
                _URL,
                f"The file was not checked: {why}. Check it later: POST …/checks.",
            )
        ]
    return ()


async def look_at_file(
    platform: Platform, workspace_id: str, dataset: Dataset, *, now: datetime
) -> tuple[str, bool]:
    """Ask for the file of a dataset, without reading it. Returns what was found as a sentence, and whether it was read already.

    Raises a ConnectorError if a run could not read it now; ConfigurationRejected if there is no response within 20 seconds.
    """
    source = file_of(platform.keyring, workspace_id, dataset)
    known = version_read(dataset)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            version, was_read = await _look(platform, workspace_id, source, known, now)
    except TimeoutError:
        raise ConfigurationRejected(f"no response within {CHECK_SECONDS:g} s") from None
    size = f"{version.bytes:,} bytes" if version.bytes is not None else "of unknown size"
    changed = f", last changed at {to_wire(version.modified_at)}" if version.modified_at else ""
    state = "this version was read before" if was_read else "the next run reads it"
    return f"{version.path} can be read: {size}{changed}; {state}.", was_read


async def _look(
    platform: Platform,
    workspace_id: str,
    source: ObjectSource,
    known: FileVersion | None,
    now: datetime,
) -> tuple[FileVersion, bool]:
    role = role_use(platform, workspace_id)
    async with open_file(source, platform.http, role, known=known, now=now) as opened:
        return opened.version, opened.response is None
