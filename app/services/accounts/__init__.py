"""One partner account, opened: its settings, secrets, connector and errors."""

from app.services.accounts.account import Account, connector_tools, open_account, secrets_of
from app.services.accounts.bound_secrets import first_moved, secret_required
from app.services.accounts.own_identity import NOT_PERMITTED, external_id_of
from app.services.accounts.partner_errors import translate_partner_errors
from app.services.accounts.setting_inputs import (
    SettingInput,
    settings_inputs,
    settings_of_inputs,
)
from app.services.accounts.settings import (
    complete_settings,
    connector_class,
    opened_settings,
    seal_settings,
    settings_of,
    shown_settings,
    unseal_settings,
)

__all__ = [
    "NOT_PERMITTED",
    "Account",
    "SettingInput",
    "complete_settings",
    "connector_class",
    "connector_tools",
    "external_id_of",
    "first_moved",
    "open_account",
    "opened_settings",
    "seal_settings",
    "secret_required",
    "secrets_of",
    "settings_inputs",
    "settings_of",
    "settings_of_inputs",
    "shown_settings",
    "translate_partner_errors",
    "unseal_settings",
]
