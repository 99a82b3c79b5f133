"""Playing histories: so many of so many steps, on one database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.config import Settings
from app.services.platform.platform import open_platform
from tests.machine.history import History


def found_by(settings: Settings, *, histories: int, steps: int, number: int) -> list[str]:
    """Play histories until one finds a difference; what was found, empty where all is well."""
    found: list[str] = []
    try:
        play(settings, histories=histories, steps=steps, number=number, found=found)
    except Exception:  # noqa: BLE001  the first finding was noted; whatever follows from it is no matter
        assert found
    return found


def play(
    settings: Settings,
    *,
    histories: int,
    steps: int,
    number: int,
    found: list[str] | None = None,
) -> None:
    """Play histories; the same ``number`` draws the same ones. Raises what one of them finds, and notes it in ``found``."""
    quick = settings.model_copy(
        update={
            # The receiver has done what it does when the connection is cut: nothing is applied later.
            "settle_time": timedelta(milliseconds=20),
            # Long enough that a batch which fails is still undone when its sync is cancelled.
            "retry_waits": (timedelta(milliseconds=60),),
            "failing_batch_limit": timedelta(milliseconds=200),
        }
    )
    with asyncio.Runner() as runner:
        opened = runner.run(open_platform(quick))
        machine = type(
            "Machine",
            (History,),
            {"runner": runner, "platform": opened, "differences": [] if found is None else found},
        )
        try:
            run_state_machine_as_test(
                seed(number)(machine),
                settings=hypothesis_settings(
                    max_examples=histories,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    # A history takes a second: none is tried again to be made shorter.
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                    print_blob=False,
                ),
            )
        finally:
            runner.run(opened.close())
