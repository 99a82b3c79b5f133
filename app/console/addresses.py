"""Addresses of what several pages link to, and the API's paths for the same resource."""

from __future__ import annotations

from urllib.parse import urlencode

from app.console.visits import space_link


def activation_link(space_id: str, audience_id: str, activation_id: str, *rest: str) -> str:
    """Return the address of the page of an activation, or of a page below it."""
    return space_link(space_id, "audiences", audience_id, "activations", activation_id, *rest)


def explanation_link(
    space_id: str, audience_id: str, activation_id: str, profile_id: str, action: str = ""
) -> str:
    """Return the address of what became of a profile in an activation, or of an action there.

    Browsers take an id ``..`` in a path for a step between folders, so it is in the query.
    """
    more = (action,) if action else ()
    if profile_id in (".", ".."):
        address = activation_link(space_id, audience_id, activation_id, "profiles", *more)
        return f"{address}?{urlencode({'id': profile_id})}"
    return activation_link(space_id, audience_id, activation_id, "profiles", profile_id, *more)


def profile_link(space_id: str, sought: str) -> str:
    """Return the address of the page of a profile, by its id or by the value of an identifier."""
    return f"{space_link(space_id, 'profile')}?{urlencode({'search': sought})}"


def receipt_link(space_id: str, erasure_id: str) -> str:
    """Return the address of the receipt of an erasure."""
    return space_link(space_id, "erasures", erasure_id)


def destination_link(space_id: str, destination_id: str, *rest: str) -> str:
    """Return the address of the page of an account, or of a page below it."""
    return space_link(space_id, "destinations", destination_id, *rest)


def dataset_link(space_id: str, dataset_id: str, *rest: str) -> str:
    """Return the address of the page of a dataset, or of a page below it."""
    return space_link(space_id, "datasets", dataset_id, *rest)


def audience_link(space_id: str, audience_id: str, *rest: str) -> str:
    """Return the address of the page of an audience, or of a page below it."""
    return space_link(space_id, "audiences", audience_id, *rest)


def api_of(address: str) -> str:
    """Return the path of the API for a page below a space: the console mirrors its paths."""
    return address.removeprefix("/console")
