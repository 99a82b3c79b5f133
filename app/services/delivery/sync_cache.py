"""The syncs that a worker has loaded, and how a sync is loaded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Connector
from app.services.accounts import Account, connector_tools, open_account
from app.services.delivery.loaded_sync import LoadedSync
from app.services.delivery.plan_reader import PlanReader
from app.services.delivery.render_setup import build_event_frame, build_renderer
from app.services.delivery.request_log import open_request_log
from app.services.delivery.wanted_reader import WantedReader
from app.services.platform import Platform
from app.services.revision import AUDIENCE_NAME, Revision, spec_from_json, trait_types_of
from app.services.syncs import pinned_snapshots, read_sent_times
from app.snapshots.engine import Manifest, StoredFile
from app.storage.models import Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.spaces import SpaceRepository
from app.storage.repositories.syncs import SyncRepository

KEPT_SYNCS = 32


class LoadedSyncs:
    """The loaded syncs of a worker; the least recently used one is dropped first."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._kept: OrderedDict[str, LoadedSync] = OrderedDict()

    async def get(self, session: AsyncSession, sync_id: str, space_id: str) -> LoadedSync:
        """Return a loaded sync. It is loaded again if the destination has changed: its settings are read live."""
        kept = self._kept.get(sync_id)
        if kept is not None:
            destination = await DestinationRepository(session).get(
                space_id, kept.sync.destination_id
            )
            if destination is not None and destination.updated_at == kept.account.version:
                self._kept.move_to_end(sync_id)
                return kept
        loaded = await _load(self._platform, session, space_id, sync_id)
        self._kept[sync_id] = loaded
        while len(self._kept) > KEPT_SYNCS:
            self._kept.popitem(last=False)
        return loaded

    def forget(self, sync_id: str) -> None:
        """Drop a sync, so that it is loaded again: an unexpected error may come from what is kept of it."""
        self._kept.pop(sync_id, None)


async def _load(
    platform: Platform, session: AsyncSession, space_id: str, sync_id: str
) -> LoadedSync:
    repository = SyncRepository(session)
    sync = await repository.get(space_id, sync_id)
    assert sync is not None and sync.revision_id is not None and sync.spec is not None  # noqa: S101, PT018  planned
    assert sync.planned_at is not None  # noqa: S101  set by the planning
    activation = await ActivationRepository(session).get_any(space_id, sync.activation_id)
    stored = await RevisionRepository(session).get(space_id, sync.revision_id)
    destination = await DestinationRepository(session).get(space_id, sync.destination_id)
    audience = await AudienceRepository(session).get(
        space_id, activation.audience_id if activation else ""
    )
    assert activation and stored and destination and audience  # noqa: S101, PT018  foreign keys say so
    workspace_id = await SpaceRepository(session).workspace_of(space_id)
    account = open_account(platform.keyring, workspace_id, destination)
    made = await ConnectionRepository(session).made_lists(activation)
    revision = Revision.parse(stored.config)
    frame = build_event_frame(sync.id, sync.planned_at, audience, revision, activation, made)
    renderer = build_renderer(account.definition, revision, frame)
    snapshots = await pinned_snapshots(session, sync, activation, revision)
    spec = spec_from_json(sync.spec)
    wanted = [Manifest.from_json(snapshot.manifest) for snapshot in snapshots]
    return LoadedSync(
        platform=platform,
        sync=sync,
        activation=activation,
        audience=audience,
        account=account,
        connector=_connector(platform, sync, account),
        spec=spec,
        revision=revision,
        made_lists=made,
        renderer=replace(renderer, sent_times=await read_sent_times(session, sync)),
        reader=PlanReader(platform, StoredFile(**sync.plan)) if sync.plan is not None else None,
        wanted=WantedReader(platform, spec, wanted),
        trait_types=trait_types_of(renderer.trait_names, [one.traits for one in snapshots]),
        audience_name=sync.spec.get(AUDIENCE_NAME) or audience.name,
    )


def _connector(platform: Platform, sync: Sync, account: Account) -> Connector:
    """Return the connector of a sync. That of a test send logs its requests."""
    tools = connector_tools(
        platform,
        sync.destination_id,
        account.definition,
        account.secrets,
        resync=sync.kind == "resync",
    )
    if sync.kind == "test":
        log = open_request_log(platform, sync, account)
        tools = replace(tools, http=platform.http.gated(log.pass_gate, account.secrets))
    return account.connector_class(account.settings, tools)
