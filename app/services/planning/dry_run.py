"""Dry runs: the report of what a sync would do, from its plan, renderer and connector, with nothing sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from app.connectors.base import CountsCost, Definition, Delivery
from app.connectors.errors import ConnectorError
from app.core import clock
from app.domain.changes import ChangeKind
from app.domain.places import place_of
from app.services.delivery import LoadedSync, LoadedSyncs, shown_request
from app.services.planning.unsent import unsent_values
from app.services.platform import Platform
from app.snapshots.engine import Cut, Manifest, PlanSpec
from app.storage.models import Batch, Sync

SAMPLE_ROWS = 20  # changes shown of each kind
REQUEST_ROWS = 5  # changes in a sample request
STANDS_FOR_A_LIST = "0"
_NO_LIST_YET = "The list does not exist yet: the sync creates it first. Here 0 stands for its id."


class _Captured(Exception):
    """A request that would have been sent."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__("captured, not sent")
        self.request = request


class _Capture(httpx.AsyncClient):
    """A client that sends nothing, and raises the connector's first request as an error."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Raise the request as ``_Captured``; nothing is sent."""
        del options
        raise _Captured(request)


async def dry_run_report(
    platform: Platform,
    sync: Sync,
    cuts: Sequence[Cut],
    spec: PlanSpec,
    wanted: Sequence[Manifest],
) -> dict[str, Any]:
    """Build the report ``{calls, minutes, cost, changes, requests}``; changes and requests are samples.

    ``spec`` and ``wanted`` are those of the plan: of each change, the report has the values that are not sent.
    """
    async with platform.unit_of_work() as session:
        loaded = await LoadedSyncs(platform).get(session, sync.id, sync.space_id)
    definition = loaded.account.definition
    changes: dict[str, list[dict[str, Any]]] = {}
    requests: list[dict[str, Any]] = []
    cost = 0.0
    for batch, whole, place in _first_batches(sync, cuts):
        rows = await _rows(loaded, batch, SAMPLE_ROWS)
        cost += _cost(loaded, batch, rows) * whole
        for delivery in rows:
            changes.setdefault(delivery.kind.value, []).append(_shown(delivery))
        if not definition.whole_plan and rows:
            shown = await _request(loaded, batch, rows[:REQUEST_ROWS])
            if shown is not None:
                requests.append({"change": batch.kind, "arms": _arms(spec, place), **shown})
    await _add_unsent(platform, spec, wanted, changes)
    return {
        "calls": len(cuts),
        "minutes": minutes_needed(definition, len(cuts), requests),
        "cost": {"unit": definition.cost_unit, "amount": round(cost)}
        if definition.cost_unit
        else None,
        "changes": changes,
        "requests": requests,
    }


def _cost(loaded: LoadedSync, batch: Batch, rows: Sequence[Delivery]) -> float:
    """Return the units that one change costs in the sample; 1 if the connector does not count costs."""
    if not rows:
        return 0
    connector = loaded.connector
    if not isinstance(connector, CountsCost):
        return 1
    return connector.cost(loaded.call(batch, clock.now()), rows) / len(rows)


def _arms(spec: PlanSpec, place: str | None) -> list[str]:
    """Return the names of the arms that have a place. Members that leave the place of a former arm have that arm."""
    named = [arm.name for arm in spec.arms if arm.sent and arm.place == place]
    former = place_of(place).arm
    return named or ([former] if former is not None else [])


def _first_batches(sync: Sync, cuts: Sequence[Cut]) -> list[tuple[Batch, int, str | None]]:
    """Return the first batch of each kind and place, with the number of rows of that kind and place, and the place."""
    first: dict[tuple[str | None, str | None], Batch] = {}
    alike: Counter[tuple[str | None, str | None]] = Counter()
    for number, cut in enumerate(cuts, start=1):
        kind = cut.kind.value if cut.kind else None
        alike[kind, cut.place] += cut.rows
        if (kind, cut.place) not in first:
            first[kind, cut.place] = Batch(
                space_id=sync.space_id,
                sync_id=sync.id,
                number=number,
                kind=kind,
                first_row=cut.first_row,
                row_count=cut.rows,
                attempts=0,
            )
    return [(batch, alike[key], key[1]) for key, batch in first.items()]


async def _rows(loaded: LoadedSync, batch: Batch, most: int) -> list[Delivery]:
    assert loaded.reader is not None  # noqa: S101  a cut has rows, so there is a plan
    rows = await loaded.reader.rows(batch.first_row, min(batch.row_count, most))
    return list(loaded.renderer.render_all(rows).deliveries)


def _shown(delivery: Delivery) -> dict[str, Any]:
    return {
        "profileId": delivery.profile_id,
        "key": delivery.key,
        "keyType": delivery.key_type,
        "identifiers": dict(delivery.identifiers),
        "traits": dict(delivery.traits),
        "fields": dict(delivery.fields),
    }


async def _add_unsent(
    platform: Platform,
    spec: PlanSpec,
    wanted: Sequence[Manifest],
    changes: Mapping[str, Sequence[dict[str, Any]]],
) -> None:
    """Add to each entry and update which values of its identifiers are not sent, and why: ``notSent``."""
    shown = [one for kind, rows in changes.items() if kind != ChangeKind.EXITED for one in rows]
    if not shown:
        return
    found = await unsent_values(platform, spec, wanted, [one["profileId"] for one in shown])
    for one in shown:
        one["notSent"] = found.get(one["profileId"], [])


async def _request(
    loaded: LoadedSync, batch: Batch, rows: Sequence[Delivery]
) -> dict[str, Any] | None:
    """Return the first request that a batch of these rows would make; None if the connector makes none."""
    async with _Capture(trust_env=False) as client:
        connector = loaded.connector_with(client)
        call = loaded.call(batch, clock.now())
        to_be_made = loaded.lacks_a_list(batch)
        if to_be_made:
            call = replace(call, target=STANDS_FOR_A_LIST)
        try:
            await connector.deliver(call, rows)
        except _Captured as captured:
            request = captured.request
        except ConnectorError as error:
            return {"error": error.message}
        else:
            return None
    shown = shown_request(request, loaded.account.secrets)
    return {**shown, **({"note": _NO_LIST_YET} if to_be_made else {})}


def minutes_needed(
    definition: Definition, calls: int, requests: Sequence[Mapping[str, Any]]
) -> float:
    """Return a lower bound in minutes: calls divided by the slowest rate budget that the requests match."""
    places = [
        f"{request['method']} {httpx.URL(request['url']).path}"
        for request in requests
        if "url" in request
    ]
    rates = [
        budget.calls / budget.window.total_seconds()
        for budget in definition.rate_budgets
        if not budget.paths or any(re.search(budget.paths, place) for place in places)
    ]
    return round(calls / min(rates) / 60, 2) if rates and calls else 0.0
