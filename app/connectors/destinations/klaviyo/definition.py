"""Klaviyo's definition for the catalogue."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from app.connectors.base import (
    Action,
    ActionField,
    Definition,
    IdentityField,
    IdSync,
    Preset,
    RateBudget,
    Remedy,
    SettingField,
)
from app.connectors.destinations.klaviyo.settings import ListId
from app.connectors.phone_country import PHONE_COUNTRY_FIELD
from app.connectors.rate_headers import RateHeaders

_MOST_ROWS = 10_000
_Rows = Annotated[int, Field(ge=1, le=_MOST_ROWS)]


def _path(path: str) -> dict[str, Any]:
    return {"@path": path}


def _identity(traits: str) -> tuple[ActionField, ...]:
    return (
        ActionField("email", "E-mail", "STRING", "One of the three is required.", default=_path(f"{traits}.email")),
        ActionField("external_id", "External id", "STRING", "Your own id; at most 255 characters.", default=_path("$.userId")),
        ActionField("phone_number", "Phone number", "STRING", "In E.164, as +15005550006.", default=_path(f"{traits}.phone")),
    )  # fmt: skip


def _profile(source: str, properties: str) -> tuple[ActionField, ...]:
    address = {
        "address1": _path(f"{source}.address.street"),
        "city": _path(f"{source}.address.city"),
        "region": _path(f"{source}.address.state"),
        "zip": _path(f"{source}.address.postal_code"),
        "country": _path(f"{source}.address.country"),
    }
    return (
        ActionField("first_name", "First name", "STRING", default=_path(f"{source}.firstName")),
        ActionField("last_name", "Last name", "STRING", default=_path(f"{source}.lastName")),
        ActionField("title", "Title", "STRING", default=_path(f"{source}.title")),
        ActionField("organization", "Organization", "STRING", default=_path(f"{source}.company.name")),
        ActionField("image", "Image", "STRING", "URL of a picture.", default=_path(f"{source}.avatar")),
        ActionField("location", "Location", "OBJECT", "Address and coordinates.", default=address),
        ActionField("properties", "Properties", "OBJECT", "Custom properties of the profile.", default=_path(properties)),
    )  # fmt: skip


def _batching(size: int, *, list_required: bool) -> tuple[ActionField, ...]:
    return (
        ActionField(
            "list_id",
            "List",
            "STRING",
            "The list. Default: the list of the connection, or the list created for it.",
            required=list_required,
            dynamic=True,
            hidden=list_required,
            constant=True,
            accepts=ListId,
        ),
        ActionField("enable_batching", "Batch", "BOOLEAN", "Send many at once.", default=True, constant=True),
        ActionField("batch_size", "Batch size", "INTEGER", "Profiles in one job.", default=size, constant=True, accepts=_Rows),
        ActionField(
            "batch_keys",
            "Batch keys",
            "STRING",
            multiple=True,
            default=("list_id",),
            hidden=True,
            constant=True,
        ),
    )  # fmt: skip


ADD = Action(
    "klaviyo-add-profile-to-list",
    "addProfileToList",
    "Add profile to list",
    "Write the profile and add it to the list; remove members who exit.",
    (
        *_identity("$.context.traits"),
        *_profile("$.properties", "$.properties.properties"),
        *_batching(10_000, list_required=False),
    ),
    properties_field="properties",
    default_trigger="Audience Entered",
)
REMOVE = Action(
    "klaviyo-remove-profile-from-list",
    "removeProfileFromList",
    "Remove profile from list",
    "Remove the profile from the list; the profile and its consent stay.",
    (*_identity("$.context.traits"), *_batching(1_000, list_required=False)),
    default_trigger="Audience Exited",
)
UPSERT = Action(
    "klaviyo-upsert-profile",
    "upsertProfile",
    "Upsert profile",
    "Write the profile's traits; add it to a list only if one is named.",
    (
        *_identity("$.traits"),
        *_profile("$.traits", "$.properties"),
        *_batching(10_000, list_required=False),
    ),
    uses_list=False,
    properties_field="properties",
)


_HEADERS = RateHeaders("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "seconds_to_go")


def _limited(name: str, paths: str, burst: int, steady: int) -> tuple[RateBudget, RateBudget]:
    """Return the budgets of an endpoint: Klaviyo limits each endpoint of an account per second and per minute.

    The response headers report the window of a minute. Limits:
    https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
    """
    return (
        RateBudget(f"{name}-second", burst, timedelta(seconds=1), paths),
        RateBudget(f"{name}-minute", steady, timedelta(minutes=1), paths, _HEADERS),
    )


DEFINITION = Definition(
    slug="klaviyo",
    name="Klaviyo",
    description="Keeps a Klaviyo list equal to the audience.",
    metadata_id="66a1f0c2d4b8e90011aa0005",
    audience_types=("USERS", "LINKED"),
    actions=(ADD, REMOVE, UPSERT),
    presets=(
        Preset(ADD.id, "Add entered profiles to a list", "Audience Entered"),
        Preset(REMOVE.id, "Remove exited profiles from a list", "Audience Exited"),
        Preset(ADD.id, "Keep a list equal to the audience", "Audience Membership Changed"),
    ),
    connection_settings=(
        PHONE_COUNTRY_FIELD,
        SettingField(
            "list_id",
            "string",
            label="List id",
            description="Exactly 6 letters and digits, from the list's URL; without it a list is created.",
        ),
    ),
    default_id_sync=(
        IdSync("email"),
        IdSync("user_id", map_to="external_id"),
        IdSync("phone", map_to="phone_number"),
    ),
    key="identifiers",
    identity_fields=(
        IdentityField("email", "email", "email"),
        IdentityField("external_id", "user_id", "text", rule="user_id_unless_email"),
        IdentityField("phone_number", "phone", "phone"),
    ),
    max_rows=_MOST_ROWS,
    rate_budgets=(
        *_limited("import", r"^POST .*/api/profile-bulk-import-jobs/?$", 10, 150),
        *_limited("poll", r"^GET .*/api/profile-bulk-import-jobs/[^/]+/?$", 10, 150),
        *_limited("errors", r"^GET .*/profile-bulk-import-jobs/[^/]+/import-errors$", 10, 150),
        *_limited("imported", r"^GET .*/profile-bulk-import-jobs/[^/]+/.*profiles$", 10, 150),
        *_limited("add", r"^POST .*/api/lists/[^/]+/relationships/profiles$", 10, 150),
        *_limited("remove", r"^DELETE .*/api/lists/[^/]+/relationships/profiles$", 10, 150),
        *_limited("new-list", r"^POST .*/api/lists/?$", 10, 150),
        RateBudget("new-list-day", 150, timedelta(days=1), r"^POST .*/api/lists/?$"),
        *_limited("members", r"^GET .*/api/lists/[^/]+/profiles$", 75, 750),
        *_limited("search", r"^GET .*/api/profiles/?$", 75, 750),
        *_limited("upsert", r"^POST .*/api/profile-import/?$", 75, 750),
        *_limited("lists", r"^GET .*/api/lists/?$", 75, 750),
        *_limited("list", r"^GET .*/api/lists/[^/]+/?$", 75, 750),
    ),
    place_keys=(("list_id", "listId"),),
    renames_profiles=True,
    arm_places="lists",
    aliases=("actions-klaviyo",),
    troubleshooting=(
        Remedy("this is the public key", "Use the private key, which begins with pk_."),
        Remedy(
            "invalid or revoked",
            "Create a new key with read and write access to Lists and Profiles.",
        ),
        Remedy("lacks a scope", "Create a key that has the scope which the message names."),
        Remedy(
            "no list … in this account",
            "Check upper and lower case of the id: it has exactly 6 letters and digits.",
        ),
        Remedy("New profiles are not in the list yet", "Klaviyo needs a few minutes to show them."),
        Remedy(
            "A large sync is slow",
            "Klaviyo limits the calls of an account. The service waits, and continues.",
        ),
    ),
)
