"""Delivery options of an activation: some apply at once, a change of the others becomes a revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.base import Definition, Notifies
from app.core.clock import to_wire
from app.core.errors import Invalid, Problem
from app.domain.activation_config import is_same
from app.domain.frequency import Frequency, next_due, parse_frequency, past_fault
from app.domain.options import (
    Brake,
    Notifications,
    Split,
    brake_of,
    frequency_of,
    parse_audiences,
    parse_consent,
    parse_included,
    parse_list,
    parse_mode,
    parse_notifications,
    parse_split,
    with_brake,
)
from app.services.accounts import connector_class
from app.services.activations.catalogue import definition_of
from app.services.activations.revisions import new_revision
from app.services.revision import Revision, action_of, arm_property, arms_apart, named_settings
from app.services.syncs import configuration_changed
from app.services.tenancy import record_change
from app.storage.models import Activation, ActivationRevision
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository

LIVE = ("frequency", "brake", "notifications")


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """All delivery options of an activation, including defaults; ``arms`` and ``list`` as stored in the revision."""

    frequency: Frequency
    brake: Brake
    notifications: Mapping[str, Any]
    mode: str
    arms: Sequence[Mapping[str, Any]]
    split_property: str | None
    updates: bool
    list: Mapping[str, Any] | None
    consent: str | None
    audiences: Sequence[str]
    included_attribute: str | None
    revision: int


async def get_delivery_options(
    session: AsyncSession, space_id: str, audience_id: str, activation_id: str
) -> DeliveryOptions:
    """Read all options. Raises NotFound."""
    activation = await ActivationRepository(session).require(space_id, audience_id, activation_id)
    return _options(activation, await _revision(session, activation))


async def update_delivery_options(
    session: AsyncSession,
    space_id: str,
    audience_id: str,
    activation_id: str,
    changes: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> DeliveryOptions:
    """Change the named options, and return all.

    ``changes`` is ``{option: JSON value}``; null clears split, list, consent and included_attribute. Raises Invalid with
    every fault; then nothing changes.
    """
    activation = await ActivationRepository(session).require(
        space_id, audience_id, activation_id, lock="update"
    )
    revision = await _revision(session, activation)
    options, config, problems = _changed(activation, revision, changes, now)
    problems += await _misfits(session, activation, config)
    problems += await _unknown_audiences(session, activation, config.get("audiences") or ())
    problems += await _takes_no_notices(session, activation, changes, options)
    if problems:
        raise Invalid("the delivery options do not fit", problems=problems)
    before = options_fields(activation.options, revision.config)
    is_retimed = _set_options(activation, options, now)
    is_revised = not is_same(config, revision.config)
    if is_revised:
        await ActivationRepository(session).replace_sources(
            activation, [activation.audience_id, *(config.get("audiences") or ())]
        )
        revision = await new_revision(session, activation, config, actor, now)
    if is_revised or is_retimed:
        await session.flush()
        await configuration_changed(session, activation, resync=False, actor=actor)
    after = options_fields(activation.options, revision.config)
    await record_change(
        session, "activation", activation, "Activation Modified", actor, before=before, after=after
    )
    await session.flush()
    return _options(activation, revision)


def _changed(
    activation: Activation,
    revision: ActivationRevision,
    changes: Mapping[str, Any],
    now: datetime,
) -> tuple[dict[str, Any], dict[str, Any], list[Problem]]:
    """Return options and configuration with the changes, and the problems of the values."""
    options, config = dict(activation.options), dict(revision.config)
    problems: list[Problem] = []
    for name, value in changes.items():
        parsed = _parsed(name, value, options, now)
        if _are_problems(parsed):
            problems.extend(parsed)
        elif name == "brake":
            options = parsed
        elif name in LIVE:
            options[name] = parsed
        elif name == "included_attribute":
            config |= _included(activation, config, parsed)
        else:
            config |= parsed if name == "split" else {name: parsed}
    return options, config, problems


def _set_options(activation: Activation, options: dict[str, Any], now: datetime) -> bool:
    """Set the options that apply at once. Returns whether the frequency changes."""
    is_retimed = bool(options["frequency"] != activation.options.get("frequency"))
    if options != activation.options:
        if is_retimed:
            activation.next_due_at = next_due(frequency_of(options), now)
        activation.options = options
        activation.updated_at = now
    return is_retimed


def _parsed(name: str, value: Any, options: Mapping[str, Any], now: datetime) -> Any:
    """Return the stored form of an option, or a list of problems."""
    match name:
        case "frequency":
            frequency = parse_frequency(value)
            return (
                _stored_frequency(frequency, options, now)
                if isinstance(frequency, Frequency)
                else frequency
            )
        case "brake":
            return with_brake(options, value)
        case "notifications":
            return _notifications(value)
        case "mode":
            mode = parse_mode(value)
            return mode if isinstance(mode, list) else mode.value
        case "split":
            split = parse_split(value)
            return split if isinstance(split, list) else _stored(split)
        case "list":
            return parse_list(value)
        case "consent":
            return parse_consent(value)
        case "audiences":
            return parse_audiences(value)
        case "included_attribute":
            return parse_included(value)
        case _:
            return value


def _stored_frequency(
    frequency: Frequency, options: Mapping[str, Any], now: datetime
) -> dict[str, Any] | list[Problem]:
    """Return a frequency as it is stored, ``once`` with its time. A time that is past is a problem, unless it is stored already."""
    if frequency.type == "once":
        frequency = replace(frequency, at=frequency.at or to_wire(now))
    stored = frequency.to_json()
    fault = past_fault(frequency, now)
    if fault and stored != options.get("frequency"):
        return [Problem(fault, "frequency.at")]
    return stored


def _stored(split: Split) -> dict[str, Any]:
    """Return the parts of a configuration that define the split."""
    return {
        "split": [arm.to_json() for arm in split.arms] or None,
        "splitProperty": split.property,
    }


def _included(
    activation: Activation, config: Mapping[str, Any], name: str | None
) -> dict[str, Any]:
    """Return the attribute with its value, the activation's name: a revision contains everything that is sent."""
    included = {"name": name, "value": activation.name} if name is not None else None
    return {"includedAttribute": included} if included != config.get("includedAttribute") else {}


def _notifications(value: Any) -> dict[str, Any] | list[Problem]:
    parsed = parse_notifications(value)
    return parsed.to_json() if isinstance(parsed, Notifications) else parsed


def _are_problems(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Problem)


async def _misfits(
    session: AsyncSession, activation: Activation, config: Mapping[str, Any]
) -> list[Problem]:
    """Return a problem for each option that the activation's destination does not support."""
    definition = await definition_of(session, activation)
    revision = Revision.parse(config)
    return [
        *_lists_without_use(definition, revision),
        *_arms_alike(definition, revision),
        *_attribute_without_use(definition, revision),
    ]


def _attribute_without_use(definition: Definition, revision: Revision) -> list[Problem]:
    if revision.included is None:
        return []
    action = action_of(definition, revision)
    if action is not None and not action.carries_properties:
        words = f"the action {action.slug} writes no properties"
        return [Problem(words, "includedAttribute")]
    if revision.included.name == arm_property(definition, revision):
        return [Problem("is the property that distinguishes the arms", "includedAttribute")]
    return []


def _lists_without_use(definition: Definition, revision: Revision) -> list[Problem]:
    if definition.arm_places == "lists":
        return []
    named = {"list": revision.list_id} | {
        f"split.arms.{index}.list": arm.list_id for index, arm in enumerate(revision.split)
    }
    words = f"the destination {definition.slug} has no lists"
    return [Problem(words, field) for field, value in named.items() if value is not None]


def _arms_alike(definition: Definition, revision: Revision) -> list[Problem]:
    """Return a problem if the partner could not distinguish the arms."""
    sent = revision.sent_arms
    action = action_of(definition, revision)
    if action is not None and not action.carries_properties and revision.split_property:
        words = f"the action {action.slug} writes no properties; give each arm a list"
        return [Problem(words, "split.property")]
    is_marked = revision.split_property or all(arm.list_id for arm in sent)
    if len(sent) < 2 or is_marked or arms_apart(definition, revision):
        return []
    if definition.arm_places == "lists" and named_settings(definition, revision):
        words = "the arms would share the named list; give each arm a list, or name a property"
        return [Problem(words, "split.arms")]
    if action is not None and not action.carries_properties:
        return [Problem(f"the action {action.slug} cannot distinguish arms", "split.arms")]
    return []


async def _unknown_audiences(
    session: AsyncSession, activation: Activation, ids: Sequence[str]
) -> list[Problem]:
    """Return a problem for each further audience that is not another one of the space and type."""
    problems = []
    own = await AudienceRepository(session).get(activation.space_id, activation.audience_id)
    for audience_id in ids:
        other = await AudienceRepository(session).get(activation.space_id, audience_id)
        if other is None or audience_id == activation.audience_id:
            problems.append(
                Problem(f"{audience_id} is not another audience of this space", "audiences")
            )
        elif own is not None and other.audience_type != own.audience_type:
            problems.append(
                Problem(
                    f"{audience_id} has another type than the activation's audience", "audiences"
                )
            )
    return problems


async def _takes_no_notices(
    session: AsyncSession,
    activation: Activation,
    changes: Mapping[str, Any],
    options: Mapping[str, Any],
) -> list[Problem]:
    """Return a problem if the changed notices name no destination of the space, or one that takes no notices."""
    named = (options.get("notifications") or {}).get("destinationId")
    if named is None or "notifications" not in changes:
        return []
    field = "notifications.destinationId"
    destination = await DestinationRepository(session).get(activation.space_id, named)
    if destination is None:
        return [
            Problem(f"must be the id of a destination of this space; there is no {named}", field)
        ]
    if not issubclass(connector_class(destination.slug), Notifies):
        words = f"must name a webhook: the destination {destination.name} is of the kind {destination.slug}, which takes no notices"
        return [Problem(words, field)]
    return []


def options_fields(options: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"deliveryOptions": …}`` of an activation's stored options and configuration."""
    arms = config.get("split")
    split = {"arms": arms, "property": config.get("splitProperty")} if arms else None
    shown = {
        "frequency": frequency_of(options).to_json(),
        "brake": brake_of(options).to_json(),
        "notifications": options.get("notifications") or {},
        "mode": config.get("mode") or "maintain",
        "split": split,
        "updates": bool(config.get("updates")),
        "list": config.get("list"),
        "consent": config.get("consent"),
        "audiences": list(config.get("audiences") or ()),
        "includedAttribute": (config.get("includedAttribute") or {}).get("name"),
    }
    return {"deliveryOptions": shown}


def _options(activation: Activation, revision: ActivationRevision) -> DeliveryOptions:
    config = revision.config
    return DeliveryOptions(
        frequency=frequency_of(activation.options),
        brake=brake_of(activation.options),
        notifications=activation.options.get("notifications") or {},
        mode=config.get("mode") or "maintain",
        arms=config.get("split") or (),
        split_property=config.get("splitProperty"),
        updates=bool(config.get("updates")),
        list=config.get("list"),
        consent=config.get("consent"),
        audiences=config.get("audiences") or (),
        included_attribute=(config.get("includedAttribute") or {}).get("name"),
        revision=revision.number,
    )


async def _revision(session: AsyncSession, activation: Activation) -> ActivationRevision:
    revision = await RevisionRepository(session).get(activation.space_id, activation.revision_id)
    assert revision is not None  # noqa: S101  an activation always has one
    return revision
