"""Talon.One's definition for the catalogue."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

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
from app.connectors.destinations.talon_one.memberships import CALL_ROWS

_Rows = Annotated[int, Field(ge=1, le=CALL_ROWS)]
_COMMON = (
    ActionField(
        "customerProfileId",
        "Customer profile id",
        "STRING",
        "The integration id: a stable id, not an address that people change; at most 1,000 characters.",
        required=True,
        default={"@path": "$.userId"},
    ),
    ActionField("adds", "Audiences to add to", "INTEGER", "On entry. Default: the audience of the connection.", multiple=True),
    ActionField("deletes", "Audiences to remove from", "INTEGER", "On exit. Default: the audience of the connection.", multiple=True),
)  # fmt: skip

UPDATE_MANY = Action(
    "talon-one-update-customer-profiles-audiences",
    "updateCustomerProfilesAudiences",
    "Update audiences of many profiles",
    "Add and delete in batches; unknown profiles are created, and the rule engine does not run.",
    (
        *_COMMON,
        ActionField("batch_size", "Batch size", "INTEGER", "At most 1,000.", default=CALL_ROWS, constant=True, accepts=_Rows),
    ),
    carries_properties=False,
    default_trigger="Audience Membership Changed",
)  # fmt: skip
UPDATE_ONE = Action(
    "talon-one-update-customer-profile",
    "updateCustomerProfile",
    "Update one profile",
    "Attributes and audiences of a profile, one call each.",
    (
        *_COMMON,
        ActionField("attributes", "Attributes", "OBJECT", "They must exist in Talon.One first.", default={"@path": "$.traits"}),
        ActionField("runRuleEngine", "Run the rule engine", "BOOLEAN", default=False, constant=True),
        ActionField("skipNonExistingAttributes", "Skip unknown attributes", "BOOLEAN", default=False, constant=True),
    ),
    properties_field="attributes",
)  # fmt: skip

DEFINITION = Definition(
    slug="talon-one",
    name="Talon.One",
    description="Keeps a Talon.One audience equal to the audience.",
    metadata_id="66a1f0c2d4b8e90011aa0007",
    audience_types=("USERS",),
    actions=(UPDATE_MANY, UPDATE_ONE),
    presets=tuple(
        Preset(UPDATE_MANY.id, f"{name} audiences", trigger)
        for name, trigger in (
            ("Add to", "Audience Entered"),
            ("Delete from", "Audience Exited"),
            ("Keep equal", "Audience Membership Changed"),
        )
    ),
    connection_settings=(
        SettingField(
            "audience_id",
            "number",
            label="Audience id",
            description="A positive whole number; without it an audience is created.",
        ),
    ),
    default_id_sync=(IdSync("user_id", map_to="customerProfileId"),),
    key="identifiers",
    identity_fields=(IdentityField("customerProfileId", "user_id"),),
    max_rows=CALL_ROWS,
    # https://docs.talon.one/docs/dev/integration-api/overview
    rate_budgets=(RateBudget("requests", 20, timedelta(seconds=1)),),
    place_keys=(("audience_id",),),
    arm_places="lists",
    aliases=("talonone", "actions-talon-one"),
    troubleshooting=(
        Remedy(
            "Talon.One refused the key",
            "Create an integration key for the application. A management key cannot send.",
        ),
        Remedy(
            "this needs a management key",
            "Enter one, too: lists are read with it. Sending needs none.",
        ),
        Remedy(
            "check that base_url is your deployment",
            "It ends in .talon.one, and is in the address bar of Talon.One.",
        ),
    ),
)
