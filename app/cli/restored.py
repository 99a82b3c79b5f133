"""The command ``restored``, for the time after a restore from a backup."""

from __future__ import annotations

import json

from app.cli.environment import platform_runner
from app.cli.options import DataOption


def restored(data: DataOption = None) -> None:
    """Prepare a restored backup: the next sync of each activation is a resync. Run it before API and workers start.

    Prints one JSON line: the number of activations, of resyncs that are open now, and of those that follow later.
    """
    from app.services import syncs

    with platform_runner(data) as (runner, platform):
        done = runner.run(syncs.begin_after_restore(platform))
    print(
        json.dumps({"activations": done.activations, "resyncs": done.resyncs, "later": done.later})
    )
