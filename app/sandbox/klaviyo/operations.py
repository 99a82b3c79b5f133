"""The emulated operations by the operation ids of Klaviyo's document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.sandbox.klaviyo import imports, lists, profiles
from app.sandbox.klaviyo.responses import page
from app.sandbox.klaviyo.state import Account
from app.sandbox.server import Request, Response

#: Called with the account, the request, its parsed body, and the parameters of the path by name.
Handler = Callable[..., Response]


def get_accounts(account: Account, request: Request, body: Any) -> Response:
    """Respond with the account itself."""
    return page(request, [{"type": "account", "id": "SANDBX", "attributes": {}}], 1)


OPERATIONS: Mapping[str, Handler] = {
    "get_lists": lists.get_lists,
    "create_list": lists.create_list,
    "get_list": lists.get_list,
    "delete_list": lists.delete_list,
    "get_profiles_for_list": lists.get_members,
    "get_profile_ids_for_list": lists.get_member_ids,
    "add_profiles_to_list": lists.add_members,
    "remove_profiles_from_list": lists.remove_members,
    "get_profiles": profiles.get_profiles,
    "create_or_update_profile": profiles.import_profile,
    "bulk_import_profiles": imports.start_import,
    "get_bulk_import_profiles_job": imports.get_job,
    "get_errors_for_bulk_import_profiles_job": imports.get_job_errors,
    "get_profiles_for_bulk_import_profiles_job": imports.get_job_profiles,
    "get_profile_ids_for_bulk_import_profiles_job": imports.get_job_profile_ids,
    "get_accounts": get_accounts,
}
