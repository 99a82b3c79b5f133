"""The emulated operations by the operation ids of Klaviyo's document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.sandbox.klaviyo import imports, lists, profiles, subscriptions
from app.sandbox.klaviyo.resources import ACCOUNT_ID, account_as
from app.sandbox.klaviyo.responses import data, no_such, page
from app.sandbox.klaviyo.state import Account
from app.sandbox.server import Request, Response

#: Called with the account, the request, its parsed body, and the parameters of the path by name.
Handler = Callable[..., Response]


def get_accounts(account: Account, request: Request, body: Any) -> Response:
    """Respond with the account itself."""
    return page(request, [account_as(request)], 1)


def get_account(account: Account, request: Request, body: Any, id: str) -> Response:
    """Respond with the account, if it is the one that is asked for."""
    return data(200, account_as(request)) if id == ACCOUNT_ID else no_such("account", id)


OPERATIONS: Mapping[str, Handler] = {
    "get_lists": lists.get_lists,
    "create_list": lists.create_list,
    "get_list": lists.get_list,
    "update_list": lists.update_list,
    "delete_list": lists.delete_list,
    "get_profiles_for_list": lists.get_members,
    "get_profile_ids_for_list": lists.get_member_ids,
    "add_profiles_to_list": lists.add_members,
    "remove_profiles_from_list": lists.remove_members,
    "get_profiles": profiles.get_profiles,
    "get_profile": profiles.get_profile,
    "create_profile": profiles.create_profile,
    "update_profile": profiles.update_profile,
    "create_or_update_profile": profiles.import_profile,
    "merge_profiles": profiles.merge_profiles,
    "get_lists_for_profile": profiles.get_lists,
    "get_list_ids_for_profile": profiles.get_list_ids,
    "get_segments_for_profile": profiles.get_segments,
    "get_segment_ids_for_profile": profiles.get_segments,
    "bulk_import_profiles": imports.start_import,
    "get_bulk_import_profiles_jobs": imports.get_jobs,
    "get_bulk_import_profiles_job": imports.get_job,
    "get_errors_for_bulk_import_profiles_job": imports.get_job_errors,
    "get_profiles_for_bulk_import_profiles_job": imports.get_job_profiles,
    "get_profile_ids_for_bulk_import_profiles_job": imports.get_job_profile_ids,
    "get_list_for_bulk_import_profiles_job": imports.get_job_lists,
    "get_list_ids_for_bulk_import_profiles_job": imports.get_job_list_ids,
    "bulk_subscribe_profiles": subscriptions.subscribe,
    "bulk_unsubscribe_profiles": subscriptions.unsubscribe,
    "get_accounts": get_accounts,
    "get_account": get_account,
}
