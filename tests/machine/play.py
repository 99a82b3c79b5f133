"""Running a number of histories with a number of steps each, on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.config import Settings
from app.services.platform.platform import open_platform
from tests.machine.history import History
from tests.machine.situations import Situations


def found_by(settings: Settings, *, histories: int, steps: int, number: int) -> list[str]:
    """Run histories until one finds a difference. Returns the findings, or an empty list."""
    found: list[str] = []
    try:
        play(settings, histories=histories, steps=steps, number=number, found=found)
    except Exception:  # noqa: BLE001  the first finding is recorded; further errors are its consequences
        assert found
    return found


def play(
    settings: Settings,
    *,
    histories: int,
    steps: int,
    number: int,
    found: list[str] | None = None,
    kind: type[History] = Situations,
) -> None:
    """Run the histories of a seed. Raises the error that a history finds, and appends it to ``found``."""
    with _machine(settings, [] if found is None else found, kind) as machine:
        run_state_machine_as_test(
            seed(number)(machine),
            settings=hypothesis_settings(
                max_examples=histories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                # A history takes a second, so failing histories are not shrunk.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=False,
            ),
        )


def perform(settings: Settings, situation: str, **drawn: Any) -> list[str]:
    """Carry out one situation of :class:`Situations` in a new history. Returns its findings."""
    found: list[str] = []
    with _machine(settings, found) as machine:
        history = machine()
        try:
            history.begin(
                by_member=False,
                type="Audience Membership Changed",
                baseline=False,
                spread=32,
                seed=2,
            )
            getattr(history, situation)(**drawn)
        except Exception:  # noqa: BLE001  it is recorded
            assert found
        finally:
            history.teardown()
    return found


@contextmanager
def _machine(
    settings: Settings, found: list[str], kind: type[History] = Situations
) -> Iterator[type[History]]:
    """Yield a class of histories on one platform. They append their findings to ``found``."""
    quick = settings.model_copy(
        update={
            # The receiver applies nothing after a connection is cut, so a short time is enough.
            "settle_time": timedelta(milliseconds=20),
            # Long enough that a failing batch is still pending when its sync is cancelled.
            "retry_waits": (timedelta(milliseconds=60),),
            "failing_batch_limit": timedelta(milliseconds=200),
        }
    )
    with asyncio.Runner() as runner:
        opened = runner.run(open_platform(quick))
        given = {"runner": runner, "platform": opened, "differences": found}
        machine = type("Machine", (kind,), given)
        try:
            yield machine
        finally:
            runner.run(opened.close())
            # Hypothesis keeps the class, and DuckDB reports a connection that is kept until the end as leaked.
            delattr(machine, "platform")
