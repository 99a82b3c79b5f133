"""Warnings about activations, computed from their revision and the columns of the members that they send."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.errors import Invalid
from app.domain.column_names import meaning
from app.domain.names import blank_name_warning
from app.domain.options import frequency_of
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.accounts import settings_of
from app.services.activations.catalogue import definition_of
from app.services.activations.mapping_checks import (
    Members,
    added_names,
    name_warnings,
    trait_names,
)
from app.services.activations.option_checks import option_warnings
from app.services.activations.shared_place_checks import shared_place_warnings
from app.services.platform import Platform
from app.services.revision import Revision
from app.storage.models import Activation, Audience
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.schedules import ScheduleRepository
from app.storage.repositories.snapshots import SnapshotRepository


async def activation_warnings(
    session: AsyncSession, platform: Platform, workspace_id: str, activation: Activation
) -> Sequence[SaveWarning]:
    """Return the warnings about an activation; those about members are empty until an audience has been computed."""
    blank = blank_name_warning(activation.name, "activationName")
    found = [
        *([] if blank is None else [blank]),
        *_mail_warnings(platform.settings, activation),
        *_brake_warnings(activation),
    ]
    sources = await AudienceRepository(session).sources_of(activation.space_id, activation.id)
    found += await _clock_warnings(session, activation, sources)
    found += await _trait_warnings(session, activation, sources)
    found += await _connection_warnings(session, platform, workspace_id, activation)
    found += await shared_place_warnings(session, platform.keyring, workspace_id, activation)
    return found


def _mail_warnings(settings: Settings, activation: Activation) -> Iterator[SaveWarning]:
    wanted = activation.options.get("notifications") or {}
    if wanted.get("emails") and settings.smtp_url is None:
        yield SaveWarning(
            WarningCode.MAIL_WITHOUT_SMTP,
            "notifications.emails",
            "No mail is sent, because the service has no mail server. Set ACTIVATIONS_SMTP_URL, or name a signed webhook "
            "in notifications.destinationId.",
        )


def _brake_warnings(activation: Activation) -> Iterator[SaveWarning]:
    percent = (activation.options.get("brake") or {}).get("maxRemovalPercent") or 0
    if 0 < percent < 1:
        yield SaveWarning(
            WarningCode.PERCENT_BELOW_ONE,
            "brake.maxRemovalPercent",
            f"The limit {percent:g} means {percent:g} per cent. For a share of {percent:g}, write {percent * 100:g}.",
        )


async def _clock_warnings(
    session: AsyncSession, activation: Activation, sources: Sequence[Audience]
) -> Sequence[SaveWarning]:
    """Return a warning for each audience that was never computed, if syncs are opened by the clock and it has no schedule."""
    idle = [one for one in sources if one.query and one.snapshot_id is None]
    if not idle or frequency_of(activation.options).follows_runs:
        return ()
    ids = [audience.id for audience in idle]
    planned = await ScheduleRepository(session).of_audiences(activation.space_id, ids)
    scheduled = {schedule.audience_id for schedule in planned}
    return [_never_computed(audience) for audience in idle if audience.id not in scheduled]


def _never_computed(audience: Audience) -> SaveWarning:
    known = f"The audience {audience.name} ({audience.id}) was never computed"
    path = f"…/audiences/{audience.id}"
    if audience.enabled:
        words = (
            f"{known}. It is computed first when the next sync of this frequency is due; until then nobody knows whether its "
            f"definition works. To compute it now: POST {path}/runs; or add a schedule: POST {path}/schedules."
        )
    else:
        words = f"{known} and is disabled, so no sync of this frequency has members. To enable it: PATCH {path}."
    return SaveWarning(WarningCode.CLOCKS_DO_NOT_FIT, "frequency", words)


async def _connection_warnings(
    session: AsyncSession, platform: Platform, workspace_id: str, activation: Activation
) -> Sequence[SaveWarning]:
    """Return a warning for each setting of the connection that has no effect together with those of the account."""
    connection = await ConnectionRepository(session).get(
        activation.space_id, activation.audience_id, activation.connection_id or ""
    )
    given = connection.connection_settings if connection is not None else None
    if not given:
        return ()
    account = await DestinationRepository(session).require(
        activation.space_id, activation.destination_id
    )
    try:
        _, settings = settings_of(platform.keyring, workspace_id, account)
        unused = settings.unused_settings(given)
    except (Invalid, ValidationError):
        return ()  # the account or the connection does not work; its check says why
    return [
        SaveWarning(WarningCode.OPTION_WITHOUT_EFFECT, f"connectionSettings.{name}", reason)
        for name, reason in unused.items()
    ]


async def _trait_warnings(
    session: AsyncSession, activation: Activation, sources: Sequence[Audience]
) -> Sequence[SaveWarning]:
    stored = await RevisionRepository(session).known(activation.space_id, activation.revision_id)
    assert stored is not None  # noqa: S101  a foreign key
    revision = Revision.parse(stored.config)
    columns_of = await _columns(session, activation, sources)
    ambiguous = {
        (field, name): columns
        for field, name in trait_names(revision)
        for known in columns_of
        if len(columns := meaning(name, known)[1]) > 1
    }
    definition = await definition_of(session, activation)
    added = added_names(definition, revision, [audience.key for audience in sources])
    return [
        *(_ambiguous(field, name, columns) for (field, name), columns in ambiguous.items()),
        *name_warnings(definition, revision, Members(columns_of, added)),
        *option_warnings(definition, revision),
    ]


async def _columns(
    session: AsyncSession, activation: Activation, sources: Sequence[Audience]
) -> Sequence[Collection[str]]:
    """Return the names of the traits and identifiers in the newest snapshot of each audience that the activation sends."""
    repository = SnapshotRepository(session)
    ids = [audience.snapshot_id for audience in sources if audience.snapshot_id is not None]
    found = [await repository.get(activation.space_id, snapshot) for snapshot in ids]
    return [(*snapshot.traits, *snapshot.identifiers) for snapshot in found if snapshot is not None]


def _ambiguous(field: str, name: str, columns: Sequence[str]) -> SaveWarning:
    return SaveWarning(
        WarningCode.AMBIGUOUS_TRAIT,
        field,
        f"{name} may mean the columns {', '.join(sorted(columns))}; none of them is used. "
        f"Name the column exactly, or rename one of the columns to {name}.",
    )
