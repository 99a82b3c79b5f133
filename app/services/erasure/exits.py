"""Exits: the destinations that hold the person get one, by the next sync of each activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.changes import ChangeKind, Mode
from app.domain.erasure_states import Awaited
from app.domain.persons import Person
from app.services.platform import Platform, fetch_file, fetch_manifest, retry_transaction
from app.services.revision import Revision
from app.services.syncs import all_have_snapshots, is_at_work, open_sync
from app.snapshots.engine import Manifest, StoredFile, lane_of
from app.snapshots.erasure import count_held_keys, planned_kinds
from app.storage.models import Activation, Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.syncs import SyncRepository

TRIGGER = "erasure"  # of the syncs


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a destination has the person: how many keys, what is waited for, and why it keeps the person, if it does."""

    held: int
    waits: dict[str, Any] | None = None
    kept: str | None = None


async def send_exits(
    platform: Platform, activation: Activation, person: Person, actor: str
) -> Presence:
    """Open the sync that sends the person's exit, if the destination holds the person and no open sync sends it."""
    manifest = Manifest.from_json(activation.holdings)
    local = await fetch_manifest(platform.objects, manifest)
    held = await platform.engine.run(count_held_keys, local, person, lane=lane_of(manifest.rows))
    async with platform.unit_of_work() as session:
        current = await SyncRepository(session).open_of(activation.space_id, activation.id)
        kept = await _keeps(session, activation)
    if current is not None:
        return await _with_open_sync(platform, activation, current, person, held, kept, actor)
    if not held or kept is not None:
        return Presence(held, None, kept)
    if not is_at_work(activation):
        return Presence(held, _wait(Awaited.INACTIVE, activation))
    opened = await _open(platform, activation, actor)
    waits = _wait(Awaited.SYNC if opened else Awaited.EXIT, activation, opened)
    return Presence(held, waits)


async def _with_open_sync(
    platform: Platform,
    activation: Activation,
    current: Sync,
    person: Person,
    held: int,
    kept: str | None,
    actor: str,
) -> Presence:
    """A sync that has sent nothing, and does not send the exit, is superseded. Any other is waited for, if it names the person."""
    planned: frozenset[ChangeKind] = frozenset()
    if current.plan is not None:
        path = await fetch_file(platform.objects, StoredFile(**current.plan))
        lane = lane_of(current.plan["rows"])
        planned = await platform.engine.run(planned_kinds, path, person, lane=lane)
        wanted = {ChangeKind.EXITED} if held and kept is None else set()
        if current.state.is_unsent and planned != wanted:
            current = await _open(platform, activation, actor) or current
    is_being_planned = current.plan is None and current.lease_owner is not None
    if not held and not planned and not is_being_planned:
        return Presence(0, None, kept)
    return Presence(held, _wait(Awaited.SYNC, activation, current), kept)


async def _keeps(session: AsyncSession, activation: Activation) -> str | None:
    """Return why an activation sends no exits: it was deleted, its mode, or its type. None: it sends them."""
    if activation.deleted_at is not None:
        return "activation_deleted"
    stored = await RevisionRepository(session).get(activation.space_id, activation.revision_id)
    assert stored is not None  # noqa: S101  an activation always has one
    revision = Revision.parse(stored.config)
    if revision.mode is not Mode.MAINTAIN:
        return f"mode_{revision.mode.value}"
    return None if ChangeKind.EXITED in revision.sends else "type_without_exits"


async def _open(platform: Platform, activation: Activation, actor: str) -> Sync | None:
    async def write(session: AsyncSession) -> Sync | None:
        found = await ActivationRepository(session).get_any(
            activation.space_id, activation.id, lock="update"
        )
        if found is None or not is_at_work(found) or not await all_have_snapshots(session, found):
            return None
        return await open_sync(session, found, trigger=TRIGGER, actor=actor)

    return await retry_transaction(platform.unit_of_work, write)


def _wait(reason: Awaited, activation: Activation, sync: Sync | None = None) -> dict[str, Any]:
    found = {
        "reason": reason.value,
        "audienceId": activation.audience_id,
        "activationId": activation.id,
    }
    return found if sync is None else {**found, "syncId": sync.id}
