"""Names of datasets, as definitions write them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.domain.save_warnings import SaveWarning, WarningCode
from app.snapshots.definitions import needs_quotes


async def dataset_name_warnings(name: str) -> Sequence[SaveWarning]:
    """Return a warning if definitions must write the name of a dataset in double quotes."""
    if not await asyncio.to_thread(needs_quotes, name):
        return ()
    return [
        SaveWarning(
            WarningCode.NAME_NEEDS_QUOTES,
            "name",
            f'The name {name} is a word of SQL. Definitions must write it in double quotes: FROM "{name}". A name such as '
            f"{name}_1 needs none.",
        )
    ]
