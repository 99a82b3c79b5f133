"""The meaning of a revision: pure functions from a stored configuration to an action, places, a plan specification and checks."""

from app.services.revision.action import action_of, constants
from app.services.revision.checks import check_connection_settings, check_mapping
from app.services.revision.config import IncludedAttribute, Revision
from app.services.revision.default_identifiers import default_id_sync
from app.services.revision.filled_fields import FieldColumn, field_columns
from app.services.revision.kept_fields import (
    fields_by_name,
    mapped_fields,
    sent_fields,
    text_fields,
)
from app.services.revision.mapped_columns import TRAIT_PATHS, named_traits, read_traits, sent_traits
from app.services.revision.partner_names import partner_places
from app.services.revision.placement import (
    arm_of,
    arm_property,
    arms_apart,
    lacks_list,
    list_key,
    list_of,
    lists_of,
    named_settings,
    settings_at,
    target_of,
    uses_list,
)
from app.services.revision.plan_spec import (
    AUDIENCE_NAME,
    CALLS,
    EXITS_FIRST,
    KEY_RULES,
    OWNERS_UNTIL,
    PLACES,
    RULE_CHANGES,
    arms_at,
    build_plan_spec,
    place_at,
    spec_from_json,
    spec_to_json,
)
from app.services.revision.trait_types import trait_types_of

__all__ = [
    "AUDIENCE_NAME",
    "CALLS",
    "EXITS_FIRST",
    "KEY_RULES",
    "OWNERS_UNTIL",
    "PLACES",
    "RULE_CHANGES",
    "TRAIT_PATHS",
    "FieldColumn",
    "IncludedAttribute",
    "Revision",
    "action_of",
    "arm_of",
    "arm_property",
    "arms_apart",
    "arms_at",
    "build_plan_spec",
    "check_connection_settings",
    "check_mapping",
    "constants",
    "default_id_sync",
    "field_columns",
    "fields_by_name",
    "lacks_list",
    "list_key",
    "list_of",
    "lists_of",
    "mapped_fields",
    "named_settings",
    "named_traits",
    "partner_places",
    "place_at",
    "read_traits",
    "sent_fields",
    "sent_traits",
    "settings_at",
    "spec_from_json",
    "spec_to_json",
    "target_of",
    "text_fields",
    "trait_types_of",
    "uses_list",
]
