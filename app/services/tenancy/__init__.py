"""Workspaces, spaces, tokens, the audit trail, idempotency keys and the first start."""

from app.services.tenancy.audit import (
    Filter,
    forget_old_events,
    page_events,
    record_change,
    record_event,
)
from app.services.tenancy.authenticator import Authenticator, Caller
from app.services.tenancy.first_start import Bootstrap, bootstrap_service
from app.services.tenancy.idempotency import (
    claim_key,
    forget_old_keys,
    keep_response,
    release_key,
    settle_key,
)
from app.services.tenancy.key_rotation import rotate_keys
from app.services.tenancy.space_options import set_absent_words
from app.services.tenancy.spaces import create_space, get_space, page_spaces, workspace_of
from app.services.tenancy.tokens import (
    create_token,
    list_tokens,
    revoke_token,
)
from app.services.tenancy.workspaces import create_workspace, list_workspaces

__all__ = [
    "Authenticator",
    "Bootstrap",
    "Caller",
    "Filter",
    "bootstrap_service",
    "claim_key",
    "create_space",
    "create_token",
    "create_workspace",
    "forget_old_events",
    "forget_old_keys",
    "get_space",
    "keep_response",
    "list_tokens",
    "list_workspaces",
    "page_events",
    "page_spaces",
    "record_change",
    "record_event",
    "release_key",
    "revoke_token",
    "rotate_keys",
    "set_absent_words",
    "settle_key",
    "workspace_of",
]
