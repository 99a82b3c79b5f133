"""Random histories of one activation: a short run with every `make test`, a long one with `make chaos`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from app.core.config import Settings
from app.services.platform import open_platform
from tests.machine import ActivationMachine


def run_machine(settings: Settings, *, examples: int, steps: int, seeded: bool) -> None:
    """So many histories of so many steps, on one database."""
    quick = settings.model_copy(
        update={
            # The receiver has done what it does when the connection is cut: nothing is applied later.
            "settle_time": timedelta(milliseconds=20),
            "retry_waits": (timedelta(milliseconds=10),),
        }
    )
    with asyncio.Runner() as runner:
        opened = runner.run(open_platform(quick))

        class Machine(ActivationMachine):
            pass

        Machine.runner, Machine.platform = runner, opened
        try:
            run_state_machine_as_test(
                Machine,
                settings=hypothesis_settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    derandomize=seeded,
                    database=None,
                    phases=[
                        Phase.generate
                    ],  # a history takes a second: none is tried again to be made shorter
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opened.close())


@pytest.mark.timeout(120)
def test_a_few_histories(settings: Settings) -> None:
    run_machine(settings, examples=5, steps=20, seeded=True)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_histories(settings: Settings) -> None:
    run_machine(settings, examples=200, steps=50, seeded=False)
