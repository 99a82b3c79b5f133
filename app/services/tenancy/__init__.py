"""Workspaces, spaces, tokens, the audit trail, idempotency keys and the first start."""

from app.services.tenancy.actors import actor_names
from app.services.tenancy.audit import (
    RESOURCE_TYPES,
    EventChanges,
    Filter,
    Hidden,
    event_changes,
    forget_old_events,
    in_order,
    page_events,
    record_change,
    record_event,
)
from app.services.tenancy.authenticator import Authenticator, Caller
from app.services.tenancy.console_sessions import (
    LINK_LIFE,
    ConsoleSession,
    create_console_link,
    end_console,
    forget_ended_sessions,
    open_console,
    read_console,
    use_console_link,
)
from app.services.tenancy.first_start import Bootstrap, bootstrap_service, check_keys
from app.services.tenancy.idempotency import (
    claim_key,
    forget_old_keys,
    keep_response,
    release_key,
    settle_key,
)
from app.services.tenancy.key_rotation import Rotation, rotate_keys
from app.services.tenancy.refused_keys import (
    accept_key,
    read_refused,
    refuse_keys,
)
from app.services.tenancy.space_options import set_absent_words
from app.services.tenancy.spaces import create_space, get_space, page_spaces, workspace_of
from app.services.tenancy.token_changes import (
    IssuedToken,
    issue_token,
    renew_token,
    valid_tokens,
    withdraw_token,
)
from app.services.tenancy.tokens import (
    create_token,
    list_tokens,
    revoke_token,
)
from app.services.tenancy.workspaces import create_workspace, list_workspaces

__all__ = [
    "LINK_LIFE",
    "RESOURCE_TYPES",
    "Authenticator",
    "Bootstrap",
    "Caller",
    "ConsoleSession",
    "EventChanges",
    "Filter",
    "Hidden",
    "IssuedToken",
    "Rotation",
    "accept_key",
    "actor_names",
    "bootstrap_service",
    "check_keys",
    "claim_key",
    "create_console_link",
    "create_space",
    "create_token",
    "create_workspace",
    "end_console",
    "event_changes",
    "forget_ended_sessions",
    "forget_old_events",
    "forget_old_keys",
    "get_space",
    "in_order",
    "issue_token",
    "keep_response",
    "list_tokens",
    "list_workspaces",
    "open_console",
    "page_events",
    "page_spaces",
    "read_console",
    "read_refused",
    "record_change",
    "record_event",
    "refuse_keys",
    "release_key",
    "renew_token",
    "revoke_token",
    "rotate_keys",
    "set_absent_words",
    "settle_key",
    "use_console_link",
    "valid_tokens",
    "withdraw_token",
    "workspace_of",
]
