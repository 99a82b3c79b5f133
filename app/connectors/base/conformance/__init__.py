"""A conformance suite for connectors, also for those in other packages. It needs no network and no pytest.

Describe the connector with a ``Subject``, and run all checks with ``verify``, or one test per check::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_conformance(check):
        await check(Subject(Postcards, {"url": "https://printer.example.com", "key": "secret-of-a-test"}))
"""

from __future__ import annotations

from app.connectors.base.conformance import definitions, deliveries, failures
from app.connectors.base.conformance.subject import Check, NotConformant, Respond, Subject

CHECKS: tuple[Check, ...] = (*definitions.CHECKS, *deliveries.CHECKS, *failures.CHECKS)


async def verify(subject: Subject) -> None:
    """Run all checks. Raises NotConformant with every problem found."""
    problems = []
    for check in CHECKS:
        try:
            await check(subject)
        except NotConformant as error:
            problems.append(f"{check.__name__}: {error}")
    if problems:
        raise NotConformant("\n".join(problems))


__all__ = ["CHECKS", "Check", "NotConformant", "Respond", "Subject", "verify"]
