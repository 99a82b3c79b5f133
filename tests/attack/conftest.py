"""The running service that the attacks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attack.service import Service, running_service


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """The service, with an attacker and a neighbour."""
    with running_service() as running:
        yield running
