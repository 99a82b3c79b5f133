"""The parts that users set up: destinations, connections, activations, revisions and delivery options."""

from app.services.activations.activation_checks import activation_warnings
from app.services.activations.activations import (
    ActivationChanges,
    ActivationView,
    NewActivation,
    activation_fields,
    create_activation,
    page_activations,
    read_activation,
    remove_activation,
    require_activation,
    update_activation,
)
from app.services.activations.catalogue import (
    CatalogueEntry,
    all_definitions,
    catalogue_entries,
    catalogue_entry,
    list_supported_destinations,
)
from app.services.activations.connections import (
    ConnectionView,
    add_connection,
    connection_fields,
    find_connection,
    page_connections,
    read_connections,
    remove_connection,
    update_connection,
)
from app.services.activations.delivery_options import (
    DeliveryOptions,
    get_delivery_options,
    update_delivery_options,
)
from app.services.activations.destinations import (
    check_destination,
    check_settings,
    create_destination,
    delete_destination,
    get_destination,
    page_destinations,
    read_budgets,
    refuse_closed_addresses,
    update_destination,
)
from app.services.activations.field_proposals import FieldProposals, propose_fields
from app.services.activations.list_checks import (
    destination_of,
    list_warnings,
    lists_in_options,
    lists_in_settings,
    refuse_unknown_lists,
    refuse_unknown_lists_of_options,
)
from app.services.activations.partner_lists import page_partner_lists
from app.services.activations.revisions import list_revisions

__all__ = [
    "ActivationChanges",
    "ActivationView",
    "CatalogueEntry",
    "ConnectionView",
    "DeliveryOptions",
    "FieldProposals",
    "NewActivation",
    "activation_fields",
    "activation_warnings",
    "add_connection",
    "all_definitions",
    "catalogue_entries",
    "catalogue_entry",
    "check_destination",
    "check_settings",
    "connection_fields",
    "create_activation",
    "create_destination",
    "delete_destination",
    "destination_of",
    "find_connection",
    "get_delivery_options",
    "get_destination",
    "list_revisions",
    "list_supported_destinations",
    "list_warnings",
    "lists_in_options",
    "lists_in_settings",
    "page_activations",
    "page_connections",
    "page_destinations",
    "page_partner_lists",
    "propose_fields",
    "read_activation",
    "read_budgets",
    "read_connections",
    "refuse_closed_addresses",
    "refuse_unknown_lists",
    "refuse_unknown_lists_of_options",
    "remove_activation",
    "remove_connection",
    "require_activation",
    "update_activation",
    "update_connection",
    "update_delivery_options",
    "update_destination",
]
