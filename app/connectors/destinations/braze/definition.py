"""Braze's definition for the catalogue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

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
from app.connectors.destinations.braze.payloads import PROFILE_FIELDS, RESERVED, WEAK
from app.connectors.destinations.braze.settings import MOST_ROWS, AttributeName, Rows
from app.connectors.phone_country import PHONE_COUNTRY_FIELD
from app.connectors.rate_headers import RateHeaders


def _path(path: str) -> dict[str, Any]:
    return {"@path": path}


_IDENTITY = (
    ActionField("external_id", "External id", "STRING", "Your user id; one identifier is required.", default=_path("$.userId")),
    ActionField("user_alias", "User alias", "STRING", "As label:name."),
    ActionField("braze_id", "Braze id", "STRING", default=_path("$.properties.braze_id")),
    ActionField("email", "E-mail", "STRING", default=_path("$.traits.email")),
    ActionField("phone", "Phone", "STRING", default=_path("$.traits.phone")),
)  # fmt: skip
_BATCHING = (
    ActionField("enable_batching", "Batch", "BOOLEAN", "Send many at once.", default=True, constant=True),
    ActionField(
        "batch_size",
        "Batch size",
        "INTEGER",
        "Users in one call: 50 is valid under every contract, 75 is the maximum.",
        constant=True,
        accepts=Rows,
    ),
)  # fmt: skip

UPDATE = Action(
    "braze-update-user-profile",
    "updateUserProfile",
    "Set membership attribute",
    "Write a boolean attribute to the profile, and the state of a subscription group if one is set.",
    (
        *_IDENTITY,
        ActionField("custom_attributes", "Custom attributes", "OBJECT", "Written on entry and update; each may be billed."),
        ActionField("attribute_name", "Attribute", "STRING", "Default: the attribute of the connection, or audience_<audience key>.", hidden=True, constant=True, accepts=AttributeName),
        ActionField("attribute_value_on_exit", "On exit", "STRING", "false, or null to remove the attribute.", default="false", choices=("false", "null"), allow_null=True, constant=True, accepts=Literal["false", "null", False]),
        ActionField("_update_existing_only", "Existing users only", "BOOLEAN", "On entry. An exit never creates a profile.", default=False),
        *(
            ActionField(name, name.replace("_", " ").capitalize(), "STRING", default=_path(f"$.traits.{name}"))
            for name in PROFILE_FIELDS
        ),
        *_BATCHING,
    ),
    properties_field="custom_attributes",
    reserved_properties=RESERVED,
    mappable_properties=WEAK,
    default_trigger="Audience Membership Changed",
)  # fmt: skip
SUBSCRIBE = Action(
    "braze-set-subscription-group",
    "setSubscriptionGroup",
    "Set subscription group state",
    "Subscribe on entry, unsubscribe on exit. This is consent: by e-mail or phone it affects every profile that shares it.",
    (*_IDENTITY, *_BATCHING),
    carries_properties=False,
)
TRACK_EVENT = Action(
    "braze-track-event",
    "trackEvent",
    "Track membership event",
    "A custom event on entry or exit.",
    (
        *_IDENTITY,
        ActionField("name", "Event name", "STRING", default=_path("$.event")),
        ActionField("properties", "Properties", "OBJECT"),
        *_BATCHING,
    ),
    uses_list=False,
    keeps_values=False,
    properties_field="properties",
)

# Responses report the window that counts them. A contract may have lower limits per hour:
# https://www.braze.com/docs/api/api_limits/
_HEADERS = RateHeaders(
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "seconds_since_1970"
)

DEFINITION = Definition(
    slug="braze",
    name="Braze",
    description="Marks members by an attribute, a subscription group or an event.",
    metadata_id="66a1f0c2d4b8e90011aa0006",
    audience_types=("USERS", "LINKED"),
    actions=(UPDATE, SUBSCRIBE, TRACK_EVENT),
    presets=(
        Preset(TRACK_EVENT.id, "Track an event on entry", "Audience Entered"),
        Preset(TRACK_EVENT.id, "Track an event on exit", "Audience Exited"),
        Preset(UPDATE.id, "Keep the attribute equal to the audience", "Audience Membership Changed"),
    ),
    connection_settings=(
        PHONE_COUNTRY_FIELD,
        SettingField("segment_id", "string", label="Subscription group ID", description="Optional: 8 to 64 letters, digits and hyphens. Braze has no API that puts users into a segment, so build the segment on the attribute or the group."),
        SettingField("attribute_name", "string", label="Attribute", description="Default: audience_<audience key>"),
        SettingField("batch_size", "number", label="Batch size", description="Users in one call, 1 to 75", default=50),
    ),
    default_id_sync=(
        IdSync("user_id", map_to="external_id"),
        IdSync("braze_id"),
        IdSync("email"),
        IdSync("phone"),
    ),
    key="identifiers",
    identity_fields=(
        IdentityField("external_id", "user_id"),
        IdentityField("user_alias", "user_alias"),
        IdentityField("braze_id", "braze_id"),
        IdentityField("email", "email", "email"),
        IdentityField("phone", "phone", "phone"),
    ),
    max_rows=MOST_ROWS,
    cost_unit="data points",
    place_keys=(("attribute_name",), ("segment_id",)),
    arm_places="names",
    rate_budgets=(
        RateBudget("track", 3_000, timedelta(seconds=3), r"^POST .*/users/track$", _HEADERS),
        RateBudget("subscription", 5_000, timedelta(minutes=1), r"^POST .*/subscription/status/set$", _HEADERS),
        RateBudget("others", 250_000, timedelta(hours=1), r"^GET .*/subscription/status/get$", _HEADERS),
    ),
    aliases=("actions-braze-cloud", "actions-braze"),
    troubleshooting=(
        Remedy("is the dashboard", "Use the REST endpoint that the message names."),
        Remedy("check that it has the permission users.track", "Give the key that permission."),
        Remedy("belongs to the region of your instance", "The key belongs to another instance: correct the REST endpoint."),
        Remedy("Users are missing", "The user id in the audience must be the external id in Braze."),
    ),
)  # fmt: skip
