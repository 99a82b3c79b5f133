"""Places at partners that activations share. The workspace, or the space and the activation, are the first arguments."""

# ruff: noqa: S608  (the SQL text takes values of enums only)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.domain.activation_states import ActivationState
from app.domain.sync_states import DELIVERY_STATES, SyncState
from app.storage.models import Destination, HeldPlace, PlaceWait, Space
from app.storage.repositories.base import Repository

NO_PLACE = "-"
_WAIT_KEY = ("space_id", "activation_id", "other_space_id", "other_activation_id")

_PLANNED = ", ".join(f"'{state}'" for state in (SyncState.HELD, *DELIVERY_STATES))
_MADE_FROM = "md5(concat_ws(':', a.revision_id, d.account, c.lists::text))"
#: A digest of everything of an activation that decides what it holds: it changes with the revision, the holdings, the open
#: plan and the deletion.
_VERSION = (
    "md5(concat_ws(':', o.revision_id, o.holdings::text, p.id, (o.deleted_at IS NOT NULL)::text))"
)
_OPEN_PLAN = f"""LEFT JOIN sync p ON p.space_id = o.space_id AND p.activation_id = o.id AND p.kind <> 'dry_run'
        AND p.plan IS NOT NULL AND p.state IN ({_PLANNED})"""

_STALE = text(
    f"""
    SELECT a.space_id, a.id, a.connection_id, d.slug, d.account, u.key, r.config, coalesce(c.lists, '{{}}') AS lists,
      {_MADE_FROM} AS made_from
    FROM activation a
    JOIN destination d ON d.space_id = a.space_id AND d.id = a.destination_id
    JOIN space s ON s.id = a.space_id
    JOIN audience u ON u.space_id = a.space_id AND u.id = a.audience_id
    JOIN activation_revision r ON r.space_id = a.space_id AND r.id = a.revision_id
    LEFT JOIN destination_connection c ON c.space_id = a.space_id AND c.id = a.connection_id
    WHERE s.workspace_id = :workspace AND d.account = :account AND a.deleted_at IS NULL
      AND NOT EXISTS (
        SELECT FROM held_place h
        WHERE h.space_id = a.space_id AND h.activation_id = a.id AND h.current AND h.made_from = {_MADE_FROM})
    ORDER BY a.id
    """
)

_SHARERS = text(
    f"""
    SELECT h.local, t.local AS theirs, array_agg(DISTINCT h.place) AS places, bool_and(h.current AND t.current) AS current,
      o.space_id, o.id AS activation_id, o.audience_id, o.name, {_VERSION} AS version, o.holdings, p.plan, r.config
    FROM held_place h
    JOIN held_place t ON t.workspace_id = h.workspace_id AND t.place = h.place
      AND (t.space_id <> h.space_id OR t.activation_id <> h.activation_id)
    JOIN activation o ON o.space_id = t.space_id AND o.id = t.activation_id AND o.deleted_at IS NULL
    JOIN destination d ON d.space_id = o.space_id AND d.id = o.destination_id AND starts_with(t.place, d.account || ':')
    JOIN activation_revision r ON r.space_id = o.space_id AND r.id = o.revision_id
    {_OPEN_PLAN}
    WHERE h.space_id = :space AND h.activation_id = :activation AND h.place <> '{NO_PLACE}'
    GROUP BY h.local, t.local, o.space_id, o.id, p.space_id, p.id, r.space_id, r.id
    ORDER BY o.id, h.local, t.local
    """
)

_LATE_EXITS = text(
    f"""
    SELECT max(s.last_unknown_at) + CAST(:settle AS interval)
    FROM held_place h
    JOIN held_place t ON t.workspace_id = h.workspace_id AND t.place = h.place
      AND (t.space_id <> h.space_id OR t.activation_id <> h.activation_id)
    JOIN sync s ON s.space_id = t.space_id AND s.activation_id = t.activation_id
    WHERE h.space_id = :space AND h.activation_id = :activation AND h.place <> '{NO_PLACE}'
      AND s.exited > 0 AND s.state NOT IN ('{SyncState.NEW}', {_PLANNED})
      AND s.last_unknown_at > clock_timestamp() - CAST(:settle AS interval)
    """
)

_WAITS_OVER = text(
    f"""
    SELECT a.space_id, a.id
    FROM activation a
    WHERE a.enabled AND a.state = '{ActivationState.ACTIVE}' AND a.deleted_at IS NULL
      AND NOT EXISTS (
        SELECT FROM sync s WHERE s.space_id = a.space_id AND s.activation_id = a.id AND s.kind <> 'dry_run'
          AND s.state IN ('{SyncState.NEW}', {_PLANNED}))
      AND EXISTS (
        SELECT FROM place_wait w
        LEFT JOIN activation o ON o.space_id = w.other_space_id AND o.id = w.other_activation_id
        {_OPEN_PLAN}
        WHERE w.space_id = a.space_id AND w.activation_id = a.id
          AND (o.id IS NULL OR w.seen <> {_VERSION}))
    ORDER BY a.id
    LIMIT :limit
    FOR NO KEY UPDATE OF a SKIP LOCKED
    """
)

_SEEN = text(
    f"""
    UPDATE place_wait SET seen = n.version
    FROM (SELECT w.other_space_id, w.other_activation_id, coalesce({_VERSION}, '') AS version
      FROM place_wait w
      LEFT JOIN activation o ON o.space_id = w.other_space_id AND o.id = w.other_activation_id
      {_OPEN_PLAN}
      WHERE w.space_id = :space AND w.activation_id = :activation) n
    WHERE place_wait.space_id = :space AND place_wait.activation_id = :activation
      AND place_wait.other_space_id = n.other_space_id AND place_wait.other_activation_id = n.other_activation_id
    """
)


@dataclass(frozen=True, slots=True)
class StaleActivation:
    """An activation whose places are not known as they are now, with what decides them."""

    space_id: str
    activation_id: str
    connection_id: str | None
    slug: str
    account: str
    audience_key: str
    config: Mapping[str, Any]
    lists: Mapping[str, str]
    made_from: str


@dataclass(frozen=True, slots=True)
class SharerRow:
    """Another activation at a place, which is ``local`` in the one's plans and ``theirs`` in the other's.

    ``places`` are the names that both have. ``version`` changes whenever what the other holds may change.
    """

    local: str
    theirs: str
    places: Sequence[str]
    current: bool
    space_id: str
    activation_id: str
    audience_id: str
    name: str
    version: str
    holdings: Mapping[str, Any] | None
    plan: Mapping[str, Any] | None
    config: Mapping[str, Any]


class PlaceRepository(Repository[HeldPlace]):
    """Tables ``held_place`` and ``place_wait``."""

    model = HeldPlace
    noun = "place"
    key = (HeldPlace.space_id, HeldPlace.activation_id, HeldPlace.local, HeldPlace.place)
    parent = (HeldPlace.space_id, HeldPlace.activation_id)

    async def lock(self, numbers: Sequence[int]) -> None:
        """Lock places until the transaction ends, in the given order. They are locked before any row (R7)."""
        if numbers:
            query = text(
                "SELECT pg_advisory_xact_lock(n) FROM unnest(CAST(:numbers AS bigint[])) AS n"
            )
            await self.session.execute(query, {"numbers": list(numbers)})

    async def unnamed_accounts(self, workspace_id: str, slug: str) -> Sequence[Destination]:
        """Read the destinations of a workspace at a partner whose account has no digest, by id."""
        query = (
            select(Destination)
            .join(Space, Space.id == Destination.space_id)
            .where(
                Space.workspace_id == workspace_id,
                Destination.slug == slug,
                Destination.account.is_(None),
            )
        )
        return await self._all(query.order_by(Destination.id))

    async def stale(self, workspace_id: str, account: str) -> Sequence[StaleActivation]:
        """Read the activations of an account whose recorded places are missing or old, by id."""
        values = {"workspace": workspace_id, "account": account}
        rows = await self.session.execute(_STALE, values)
        return [StaleActivation(*row) for row in rows]

    async def record(
        self, workspace_id: str, stale: StaleActivation, places: Mapping[str, Sequence[str]]
    ) -> None:
        """Record ``{local: places}`` of an activation. Places of former revisions stay, those of another account go."""
        mine = (
            HeldPlace.space_id == stale.space_id,
            HeldPlace.activation_id == stale.activation_id,
        )
        known = HeldPlace.place.startswith(f"{stale.account}:", autoescape=True)
        await self._write(delete(HeldPlace).where(*mine, ~known | HeldPlace.local.in_(places)))
        await self._write(update(HeldPlace).where(*mine).values(current=False))
        rows = [
            {
                "space_id": stale.space_id,
                "activation_id": stale.activation_id,
                "local": local,
                "place": place,
                "workspace_id": workspace_id,
                "current": True,
                "made_from": stale.made_from,
            }
            for local, place in _rows(places)
        ]
        await self.session.execute(insert(HeldPlace), rows)

    async def late_exits_until(
        self, space_id: str, activation_id: str, settle: timedelta
    ) -> datetime | None:
        """Return until when exits of ended syncs of others may still be applied at the places of an activation (R11)."""
        values = {"space": space_id, "activation": activation_id, "settle": settle}
        moment: datetime | None = (await self.session.execute(_LATE_EXITS, values)).scalar_one()
        return moment

    async def of_activation(self, space_id: str, activation_id: str) -> Sequence[HeldPlace]:
        """Read the places of an activation, those of former revisions too."""
        query = select(HeldPlace).where(
            HeldPlace.space_id == space_id,
            HeldPlace.activation_id == activation_id,
            HeldPlace.place != NO_PLACE,
        )
        return await self._all(query.order_by(HeldPlace.place, HeldPlace.local))

    async def sharers(self, space_id: str, activation_id: str) -> Sequence[SharerRow]:
        """Read the other activations of the workspace at the places of an activation, with what they hold."""
        values = {"space": space_id, "activation": activation_id}
        return [SharerRow(*row) for row in await self.session.execute(_SHARERS, values)]

    # Waits

    async def replace_waits(
        self, space_id: str, activation_id: str, seen: Mapping[tuple[str, str], str]
    ) -> None:
        """Record the other activations that an activation waits for, by space and id, each with the version that was seen."""
        await self._write(
            delete(PlaceWait).where(
                PlaceWait.space_id == space_id, PlaceWait.activation_id == activation_id
            )
        )
        rows = [
            {
                "space_id": space_id,
                "activation_id": activation_id,
                "other_space_id": other_space,
                "other_activation_id": other,
                "seen": version,
            }
            for (other_space, other), version in seen.items()
        ]
        if rows:
            await self.session.execute(insert(PlaceWait), rows)

    async def let_wait(self, waiting: Sequence[tuple[str, str]], other: tuple[str, str]) -> None:
        """Record that activations, by space and id, wait for another one that has changed already. They are sent next."""
        rows = [
            {
                "space_id": space_id,
                "activation_id": activation_id,
                "other_space_id": other[0],
                "other_activation_id": other[1],
                "seen": "",
            }
            for space_id, activation_id in waiting
        ]
        if rows:
            query = upsert(PlaceWait).values(rows)
            await self.session.execute(
                query.on_conflict_do_update(index_elements=_WAIT_KEY, set_={"seen": ""})
            )

    async def waits_over(self, limit: int) -> Sequence[tuple[str, str]]:
        """Lock activations at work that wait for one which has changed since. Returns space and id, by id."""
        rows = await self.session.execute(_WAITS_OVER, {"limit": limit})
        return [(row[0], row[1]) for row in rows]

    async def see(self, space_id: str, activation_id: str) -> None:
        """Write that the activations that one waits for were seen as they are now."""
        await self.session.execute(_SEEN, {"space": space_id, "activation": activation_id})

    async def delete_all(self, space_id: str, activation_ids: Select[str]) -> None:
        """Delete the places and waits of some activations."""
        for table in (HeldPlace, PlaceWait):
            await self._write(
                delete(table).where(
                    table.space_id == space_id, table.activation_id.in_(activation_ids)
                )
            )


def _rows(places: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return a row for each name of each place, at least one."""
    found = [(local, place) for local, names in places.items() for place in sorted(set(names))]
    return found or [("", NO_PLACE)]
