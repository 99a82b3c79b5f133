"""Holdings of an activation: page through them, seed them from an uploaded list, forget them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.core.pagination import Page, PageRequest, Position
from app.services.accounts import connector_class
from app.services.platform import (
    Platform,
    activation_folder,
    fetch_manifest,
    fresh_key,
    receive_upload,
    store_file,
)
from app.services.revision import Revision, arm_of, build_plan_spec, list_of
from app.services.tenancy import record_change
from app.snapshots.engine import (
    Cursor,
    FoldStats,
    LocalManifest,
    Manifest,
    PlanSpec,
    StoredFile,
    Upload,
)
from app.snapshots.holdings import fold_outcome, page_holdings
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import write_plan
from app.storage.models import Activation
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository


async def page_held(
    platform: Platform,
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    request: PageRequest,
) -> tuple[Page[Mapping[str, Any]], Activation]:
    """Read a page of holdings by key, and the activation. Returns the engine's rows, each with ``{arm, list}`` added."""
    position = request.position()
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require(
            space_id, audience_id, activation_id
        )
        stored = await RevisionRepository(session).get(space_id, activation.revision_id)
        assert stored is not None  # noqa: S101  an activation always has one
        revision = Revision.parse(stored.config)
        made_lists = await ConnectionRepository(session).made_lists(activation)
    local = await fetch_manifest(platform.objects, Manifest.from_json(activation.holdings))
    after = unquote(position.key[0]) if position.key else None
    found = await platform.engine.run(page_holdings, local, after, request.count + 1, lane="small")
    entries = found[: request.count]
    following = _position_after(entries[-1]) if len(found) > request.count else None
    entries = [_with_arm_and_list(entry, revision, made_lists, activation_id) for entry in entries]
    shown: Page[Mapping[str, Any]] = Page(entries, current=position.encode(), next=following)
    return shown, activation


def _position_after(entry: Mapping[str, Any]) -> str:
    # A key may contain any character, a cursor only plain ones.
    return Position("after", (quote(entry["position"], safe=""),)).encode()


def _with_arm_and_list(
    entry: Mapping[str, Any], revision: Revision, made_lists: Mapping[str, str], activation_id: str
) -> dict[str, Any]:
    return {
        **entry,
        "arm": arm_of(revision, activation_id, entry["place"], entry["profile_id"]),
        "list": list_of(made_lists, activation_id, entry["place"]),
    }


async def seed_holdings(
    platform: Platform,
    stream: AsyncIterator[bytes],
    *,
    space_id: str,
    audience_id: str,
    activation_id: str,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
    actor: str,
    now: datetime,
) -> Activation:
    """Replace the recorded holdings by the uploaded rows, which have the format of members.

    Nothing is sent; the next sync plans from the new holdings. Raises Conflict if a sync is open, or if the activation
    was changed during the upload.
    """
    async with platform.unit_of_work() as session:
        activation = await ActivationRepository(session).require(
            space_id, audience_id, activation_id
        )
        await refuse_open_sync(session, activation)
        audience = await AudienceRepository(session).require(space_id, audience_id)
        linked = audience.audience_type == "LINKED"
        spec = with_everybody(await baseline_spec(session, activation))
        words = await SpaceRepository(session).absent_words(space_id)
    out = platform.engine.scratch_file(".parquet")
    try:
        async with receive_upload(
            platform.engine,
            platform.settings,
            stream,
            content_type=content_type,
            content_encoding=content_encoding,
            announced=announced,
        ) as upload:
            owner = await platform.owner_of(space_id)
            listed = replace(upload, absent_words=words)
            stats = await platform.engine.run_on_upload(
                owner, _write_seed, listed, spec, out, linked=linked
            )
        key = fresh_key(f"{activation_folder(space_id, activation_id)}/holdings", "seed")
        file = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    async with platform.unit_of_work() as session:
        locked = await ActivationRepository(session).require(
            space_id, audience_id, activation_id, lock="update"
        )
        await refuse_open_sync(session, locked)
        if locked.revision_id != activation.revision_id:
            raise Conflict("The activation was changed during the upload; send the list again.")
        await replace_holdings(session, locked, file, stats, actor=actor, now=now)
    return locked


def with_everybody(spec: PlanSpec) -> PlanSpec:
    """Return a specification under which each row has its key: who is at the destination is there without consent, too.

    The next sync then removes those that it does not want. A control group is at the place of the arms, if they have only one.
    """
    places = {arm.place for arm in spec.arms if arm.sent}
    arms = spec.arms
    if len(places) == 1:
        (place,) = places
        arms = tuple(replace(arm, sent=True, place=place) for arm in spec.arms)
    return replace(spec, consent=None, arms=arms)


async def replace_holdings(
    session: AsyncSession,
    activation: Activation,
    file: StoredFile,
    stats: FoldStats,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Replace the holdings of a locked activation by a seed. No member is assumed as held besides."""
    activation.holdings = Manifest(base=(file,)).to_json()
    activation.held, activation.assumed = stats.held, stats.assumed
    activation.baseline_wanted = False
    activation.updated_at = now
    await record_holdings(session, activation, "Activation Holdings Seeded", actor)


def _write_seed(
    cursor: Cursor, upload: Upload, spec: PlanSpec, out: Path, *, linked: bool
) -> FoldStats:
    """Plan a baseline of the uploaded rows, and fold it into empty holdings."""
    rows = out.with_name(f"{out.name}.rows")
    plan = out.with_name(f"{out.name}.plan")
    try:
        write_snapshot(cursor, upload, rows, linked=linked)
        nothing = LocalManifest()
        write_plan(cursor, spec, [LocalManifest(base=(rows,))], nothing, plan)
        return fold_outcome(cursor, plan, nothing, [], spec, out)
    finally:
        rows.unlink(missing_ok=True)
        plan.unlink(missing_ok=True)


async def forget_holdings(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    activation_id: str,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Forget the holdings: the next sync takes the destination as empty. Raises Conflict if a sync is open."""
    activation = await ActivationRepository(session).require(
        space_id, audience_id, activation_id, lock="update"
    )
    await refuse_open_sync(session, activation)
    activation.holdings = None
    activation.held, activation.assumed = 0, 0
    activation.updated_at = now
    await record_holdings(session, activation, "Activation Holdings Forgotten", actor)
    await session.flush()


async def refuse_open_sync(session: AsyncSession, activation: Activation) -> None:
    """Raise Conflict if a sync of the activation is open: settling it would change the holdings."""
    sync = await SyncRepository(session).open_of(activation.space_id, activation.id)
    if sync is not None:
        raise Conflict(
            f"The sync {sync.id} is {sync.state}; wait for its end or cancel it first.",
            data={"syncId": sync.id},
        )


async def baseline_spec(session: AsyncSession, activation: Activation) -> PlanSpec:
    """Build the plan specification of a baseline under the current revision."""
    revision = await RevisionRepository(session).get(activation.space_id, activation.revision_id)
    destination = await DestinationRepository(session).get(
        activation.space_id, activation.destination_id
    )
    assert revision is not None and destination is not None  # noqa: S101, PT018  foreign keys
    definition = connector_class(destination.slug).definition
    return build_plan_spec(
        definition,
        Revision.parse(revision.config),
        kind="baseline",
        sync_number=activation.sync_number,
        activation_id=activation.id,
        max_rows=definition.max_rows,
        made_lists=await ConnectionRepository(session).made_lists(activation),
    )


async def record_holdings(
    session: AsyncSession, activation: Activation, event: str, actor: str
) -> None:
    """Record an event of an activation in the audit trail."""
    await record_change(session, "activation", activation, event, actor)
