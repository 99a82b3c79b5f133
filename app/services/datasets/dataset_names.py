"""Names of datasets, as definitions write them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.core.errors import Invalid
from app.domain.save_warnings import SaveWarning, WarningCode
from app.snapshots.definitions import is_engine_table, needs_quotes


def check_dataset_name(name: str) -> None:
    """Raise Invalid for a name that no definition could read, since the engine has tables of its own under such names."""
    if is_engine_table(name):
        raise Invalid(
            "the name begins with duckdb_, as the engine's own tables, which definitions cannot read. Choose another name.",
            field="name",
        )


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
