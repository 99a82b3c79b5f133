"""Bodies of operations on tokens, workspaces and encryption keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.contract.extensions.base import Name, Output, StrictInput, Time
from app.core.described import about

_TIME = "2026-01-31T12:00:00.000Z"
_TEXT = "aact_live_0vK3nB7QmX2d_…"


class TokenOutput(Output):
    """A token without its secret."""

    id: Annotated[
        str, about("Id of the token: the 12 characters after `aact_live_`.", "0vK3nB7QmX2d")
    ]
    name: Annotated[str, about("What the token is for.", "marketing")]
    scopes: Annotated[list[str], about("What the token permits.", ["read", "write"])]
    created_at: Annotated[Time, about("When it was created, in RFC 3339.", _TIME)]
    expires_at: Annotated[
        Time | None, about("When it expires, in RFC 3339; null: it does not.", _TIME)
    ]
    last_used_at: Annotated[
        Time | None, about("When it was last used, in RFC 3339, to the minute.", _TIME)
    ]


class TokensData(Output):
    """The valid tokens of the workspace."""

    tokens: Annotated[list[TokenOutput], about("Up to 200 valid tokens, newest first.")]


class CreateTokenInput(StrictInput):
    """A new token."""

    name: Annotated[Name, about("What the token is for.", "marketing")]
    scopes: Annotated[
        Annotated[list[str], Field(max_length=10)] | None,
        about("What it permits: `read`, `write`, `operator`. By default the first two.", ["read"]),
    ] = None
    days: Annotated[
        int | None, about("Days until it expires, 1 to 3650. By default it does not expire.", 90)
    ] = None


class IssuedTokenData(Output):
    """A new token, with its text."""

    token: Annotated[TokenOutput, about("The token.")]
    text: Annotated[str, about("The text of the token. It cannot be read again.", _TEXT)]


class WorkspaceOutput(Output):
    """A workspace: a tenant of the installation."""

    id: Annotated[str, about("Id of the workspace.", "ws_0vK3nB7QmX2dW9sH5gKfPv")]
    slug: Annotated[str, about("Short name.", "acme")]
    name: Annotated[str, about("Name.", "Acme")]
    created_at: Annotated[Time, about("When it was created, in RFC 3339.", _TIME)]


class WorkspacesData(Output):
    """The workspaces of the installation."""

    workspaces: Annotated[list[WorkspaceOutput], about("All workspaces, oldest first.")]


class CreateWorkspaceInput(StrictInput):
    """A new workspace."""

    name: Annotated[Name, about("Name of the workspace.", "Acme")]
    slug: Annotated[
        Name | None, about("Short name. By default it is derived from the name.", "acme")
    ] = None
    space: Annotated[Name, about("Name of its first space.", "Production")] = "Default"


class CreatedWorkspaceOutput(Output):
    """A new workspace, with its first space and token."""

    workspace_id: Annotated[str, about("Id of the workspace.", "ws_0vK3nB7QmX2dW9sH5gKfPv")]
    space_id: Annotated[str, about("Id of its first space.", "spa_0vK3mQ7ZtB5xR1nW9cYdEf")]
    token: Annotated[str, about("The text of its first token. It cannot be read again.", _TEXT)]


class CreatedWorkspaceData(Output):
    """A new workspace."""

    created: Annotated[CreatedWorkspaceOutput, about("The workspace, its space and its token.")]


class EncryptionKeyOutput(Output):
    """A key that encrypts stored settings, without its content."""

    id: Annotated[str, about("Name of the key.", "k1")]
    current: Annotated[bool, about("Whether new settings are encrypted with it.", True)]


class EncryptionKeysData(Output):
    """The keys of this process of the API."""

    keys: Annotated[list[EncryptionKeyOutput], about("The keys, the current one first.")]


class KeyRotationOutput(Output):
    """The result of a rotation."""

    written: Annotated[int, about("Settings that were encrypted again.", 12)]
    left: Annotated[
        dict[str, int], about("Settings by the key that encrypts them now.", {"k2": 12, "k1": 0})
    ]
    unreadable: Annotated[
        list[str], about("Ids of accounts and datasets whose settings no key can read.", [])
    ]


class KeyRotationData(Output):
    """The result of a rotation."""

    rotation: Annotated[KeyRotationOutput, about("The result.")]
