"""Settings with which the service acts under its own identity at a partner, such as an AWS role that it assumes.

Without a check, one workspace could name the role of another one: the service may assume both. So an operator must permit
such settings, and the service always sends an external id that belongs to the workspace; the role's trust policy requires it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import SecretStr

from app.connectors.base import ConnectorSettings
from app.core.errors import Invalid, Problem

SWITCH = "ACTIVATIONS_S3_ROLES"
EXTERNAL_ID = "external_id"
NOT_PERMITTED = f"the operator of this service does not permit it ({SWITCH}); use a key"

Settings = TypeVar("Settings", bound=ConnectorSettings)


def external_id_of(workspace_id: str) -> str:
    """Return the external id of a workspace. It is no secret."""
    return f"audience-activations-{workspace_id}"


def uses_own_identity(settings: ConnectorSettings) -> bool:
    """Return whether the settings make the service act under its own identity."""
    return settings.own_identity is not None and bool(getattr(settings, settings.own_identity))


def bound_to_workspace(settings: Settings, workspace_id: str) -> Settings:
    """Return settings with the external id of the workspace, in place of one that a user had entered earlier."""
    if not uses_own_identity(settings):
        return settings
    return settings.model_copy(update={EXTERNAL_ID: SecretStr(external_id_of(workspace_id))})


def without_external_id(
    model: type[ConnectorSettings], settings: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return settings ``{name: value}`` without the external id, to store them: the service computes it."""
    if model.own_identity is None:
        return settings
    return {name: value for name, value in settings.items() if name != EXTERNAL_ID}


def check_own_identity(
    settings: ConnectorSettings,
    given: Mapping[str, Any],
    workspace_id: str,
    *,
    is_permitted: bool,
) -> None:
    """Refuse an identity that is not permitted, and an external id of the user's. Raises Invalid with the field."""
    if settings.own_identity is None:
        return
    ours, named = external_id_of(workspace_id), given.get(EXTERNAL_ID)
    problems = []
    if given.get(settings.own_identity) is not None and not is_permitted:
        problems.append(_problem(settings.own_identity, NOT_PERMITTED))
    if named is not None and named != ours:
        words = f"is made by the service: let the trust policy of the role require {ours}, and leave it out here"
        problems.append(_problem(EXTERNAL_ID, words))
    if problems:
        raise Invalid("the settings do not fit", problems=problems)


def _problem(name: str, words: str) -> Problem:
    path = f"settings.{name}"
    return Problem(f'"{path}": {words}', path)
