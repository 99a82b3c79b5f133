"""Settings of accounts: checked by the connector's model, stored encrypted, and shown with masked secrets (R38)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import orjson
from pydantic import SecretBytes, SecretStr, ValidationError

from app.connectors import registry
from app.connectors.addresses import OutboundPolicy
from app.connectors.base import Connector, ConnectorSettings
from app.connectors.urls import HIDDEN, with_hidden_query
from app.core.crypto import Keyring
from app.core.errors import Invalid, Problem
from app.core.json_bytes import to_json
from app.core.known_fields import description_of
from app.core.redaction import is_secret_field
from app.core.sentences import validation_words
from app.services.accounts import bound_secrets
from app.services.accounts.account import register_secrets, secrets_in, settings_binding
from app.services.accounts.own_identity import (
    EXTERNAL_ID,
    bound_to_workspace,
    check_own_identity,
    uses_own_identity,
    without_external_id,
)
from app.storage.models import Destination

_SHOWN_FROM = 12  # characters; the last four of a shorter secret would reveal too much


def connector_class(slug: str) -> type[Connector]:
    """Return the connector of a slug or alias. Raises Invalid, naming the known ones."""
    try:
        return registry.get(slug)
    except registry.UnknownDestination as error:
        raise Invalid(str(error), field="slug") from None


def complete_settings(
    connector: type[Connector],
    settings: Mapping[str, Any],
    *,
    previous: Mapping[str, Any] | None,
    now: datetime,
    workspace_id: str,
    permits_roles: bool,
    outbound_allow: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check settings and complete them with generated values.

    ``permits_roles``: whether the service may act under its own identity, see ``own_identity``. ``outbound_allow``: the addresses
    that the operator has opened; None: addresses are not checked. Returns ``{name: value}`` of the settings to store, and of the generated secrets, which are shown only now.
    Raises Invalid with a problem for each fault, at ``settings.<path>``.
    """
    given = settings
    settings = without_external_id(connector.settings_model, settings)
    if previous is not None:
        previous = without_external_id(connector.settings_model, previous)
        settings = {**previous, **_unmasked(settings, previous)}
    _check_masks(settings)
    done, shown = _with_generated(connector, settings, previous, now)
    model = _validated(connector, done, given.keys())
    check_own_identity(model, given, workspace_id, is_permitted=permits_roles)
    if outbound_allow is not None:
        _check_targets(model, given.keys(), outbound_allow)
    if previous is not None:
        _check_kept(model, previous, given)
    register_secrets(model)
    return done, shown


def _check_targets(model: ConnectorSettings, given: Collection[str], allow: str) -> None:
    """Raise Invalid for a given address that no call would reach, as far as the address itself says it."""
    policy = OutboundPolicy(allow)
    urls = {name: str(getattr(model, name) or "") for name in model.where_to if name in given}
    problems = [
        Problem(words, f"settings.{name}")
        for name, url in urls.items()
        if "://" in url and (words := policy.refusal_of(url)) is not None
    ]
    if problems:
        raise Invalid("the settings do not fit", problems=problems)


def _with_generated(
    connector: type[Connector],
    settings: Mapping[str, Any],
    previous: Mapping[str, Any] | None,
    now: datetime,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings with generated values, without those that are None, and the generated secrets."""
    try:
        done, shown = registry.complete_settings(connector, settings, previous=previous, now=now)
    except (TypeError, ValueError, AttributeError):
        # The settings are faulty; the check by the model reports how.
        done, shown = dict(settings), {}
    return {name: value for name, value in done.items() if value is not None}, shown


def _validated(
    connector: type[Connector], settings: Mapping[str, Any], given: Collection[str] = ()
) -> ConnectorSettings:
    """Return the model of settings. Raises Invalid with a problem for each fault, at ``settings.<path>``.

    The values of the ``given`` settings are not converted: the text ``"100"`` is no number. Stored values are.
    """
    faults = _wrong_types(connector, settings, given)
    try:
        model = connector.settings_model.model_validate(dict(settings))
        if not faults:
            return model
    except ValidationError as error:
        faults |= _faults_of(error)
    fields = connector.settings_model.model_fields
    problems = [
        Problem(
            validation_words(fault, fields, description_of(connector.settings_model, place)),
            ".".join(["settings", *map(str, place)]),
        )
        for place, fault in faults.items()
    ]
    raise Invalid("the settings do not fit", problems=problems)


def _wrong_types(
    connector: type[Connector], settings: Mapping[str, Any], given: Collection[str]
) -> dict[Any, Any]:
    """Return the faults of given values, by place, that would be converted otherwise."""
    if not given:
        return {}
    try:
        connector.settings_model.model_validate_json(to_json(settings), strict=True)
    except ValidationError as error:
        return {
            place: one
            for place, one in _faults_of(error).items()
            if place[:1] and place[0] in given
        }
    return {}


def _faults_of(error: ValidationError) -> dict[Any, Any]:
    """Return pydantic's faults by their places."""
    found = error.errors(include_url=False, include_input=False)
    return {fault["loc"]: fault for fault in found}


def _check_kept(
    model: ConnectorSettings, previous: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    """Refuse a new target for stored secrets. Raises Invalid, naming the secrets to be entered again."""
    try:
        former = type(model).model_validate(dict(previous))
    except ValidationError:
        former = model.model_copy(update={name: previous.get(name) for name in model.where_to})
    moved = bound_secrets.first_moved(former, model, model.where_to)
    if moved is None:
        return
    kept = [
        bound_secrets.secret_required(f"settings.{name}", moved)
        for name in type(model).model_fields
        if previous.get(name) and _is_sent(model, name) and not _is_entered(given.get(name))
    ]
    if kept:
        raise Invalid("the settings do not fit", problems=kept)


def _is_sent(model: ConnectorSettings, name: str) -> bool:
    """Whether calls carry the value of a setting."""
    value = getattr(model, name)
    if model.sent_there is not None:
        return bool(value) and name in model.sent_there
    return any(True for _ in secrets_in(value, name))


def _is_entered(value: Any) -> bool:
    """Whether a change contains the value itself, not the mask of the stored one."""
    if _is_mask(value):
        return False
    return (
        all(_is_entered(item) for item in value.values())
        if isinstance(value, Mapping)
        else value is not None
    )


def seal_settings(
    keyring: Keyring, workspace_id: str, destination_id: str, settings: Mapping[str, Any]
) -> bytes:
    """Encrypt settings for their column."""
    return keyring.encrypt(orjson.dumps(settings), settings_binding(workspace_id, destination_id))


def unseal_settings(
    keyring: Keyring, workspace_id: str, destination: Destination
) -> dict[str, Any]:
    """Decrypt the settings of an account: ``{name: value}`` with the secrets. Never return or log them."""
    plain = keyring.decrypt(destination.settings, settings_binding(workspace_id, destination.id))
    settings: dict[str, Any] = orjson.loads(plain)
    return settings


def settings_of(
    keyring: Keyring, workspace_id: str, destination: Destination
) -> tuple[type[Connector], ConnectorSettings]:
    """Return connector class and settings of an account. Raises Invalid if they are not valid any more."""
    connector = connector_class(destination.slug)
    stored = unseal_settings(keyring, workspace_id, destination)
    return connector, opened_settings(connector, stored, workspace_id)


def opened_settings(
    connector: type[Connector], stored: Mapping[str, Any], workspace_id: str
) -> ConnectorSettings:
    """Return complete settings as a connector takes them. Raises Invalid if they are not valid."""
    model = _validated(connector, stored)
    register_secrets(model)
    return bound_to_workspace(model, workspace_id)


def shown_settings(
    keyring: Keyring,
    workspace_id: str,
    destination: Destination,
    *,
    hide: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """Return the settings with each secret as ``{"set": true, "last4": …}``, or as what ``hide`` returns for it."""
    mask = hide or _mask
    try:
        _, model = settings_of(keyring, workspace_id, destination)
    except Invalid:
        stored = unseal_settings(keyring, workspace_id, destination)
        return {name: mask(orjson.dumps(value).decode()) for name, value in stored.items()}
    return {
        name: _shown(model, name, value, mask)
        for name, value in model.model_dump(exclude_none=True).items()
    }


def _shown(model: ConnectorSettings, name: str, value: Any, mask: Callable[[str], Any]) -> Any:
    """Return how a setting is shown. Values of headers and parameters of URLs may be keys: they are write-only.

    The external id of the service's own identity is no secret: the user needs it.
    """
    if name == EXTERNAL_ID and uses_own_identity(model):
        return value.get_secret_value()
    if name in model.write_only:
        return {key: mask(str(item)) for key, item in value.items()}
    if name in model.hidden_queries:
        return with_hidden_query(value)
    return _visible(name, value, mask)


def _visible(name: str, value: Any, mask: Callable[[str], Any]) -> Any:
    if isinstance(value, SecretStr):
        return mask(value.get_secret_value())
    if isinstance(value, SecretBytes):
        return mask(value.get_secret_value().decode(errors="replace"))
    if isinstance(value, str) and is_secret_field(name):
        return mask(value)
    if isinstance(value, Mapping):
        return {str(key): _visible(str(key), item, mask) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_visible(name, item, mask) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _mask(secret: str) -> dict[str, Any]:
    return {"set": True, "last4": secret[-4:] if len(secret) >= _SHOWN_FROM else None}


def _is_mask(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("set") is True and set(value) <= {"set", "last4"}  # fmt: skip


def _unmasked(changes: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Replace masks in changes by the stored values."""
    plain: dict[str, Any] = {}
    for name, value in changes.items():
        if name in stored and _is_shown(value, stored[name]):
            plain[name] = stored[name]
        elif isinstance(value, Mapping) and isinstance(stored.get(name), Mapping):
            plain[name] = _unmasked(value, stored[name])
        else:
            plain[name] = value
    return plain


def _is_shown(value: Any, stored: Any) -> bool:
    """Whether a value is what is shown instead of the stored one."""
    is_url = isinstance(value, str) and HIDDEN in value
    return _is_mask(value) or (is_url and value == with_hidden_query(str(stored)))


def _check_masks(settings: Mapping[str, Any]) -> None:
    """Refuse a mask for which no secret is stored; it would be stored as the secret."""
    masked = [f"settings.{path}" for path in _masks(settings)]
    if masked:
        raise Invalid(
            "the settings do not fit",
            problems=[Problem(f'"{path}": no secret is stored here', path) for path in masked],
        )


def _masks(settings: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of masks, also of those inside of objects."""
    for name, value in settings.items():
        if _is_mask(value) or (isinstance(value, str) and HIDDEN in value):
            yield path + name
        elif isinstance(value, Mapping):
            yield from _masks(value, f"{path}{name}.")
