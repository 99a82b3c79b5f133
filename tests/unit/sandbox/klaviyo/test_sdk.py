"""Klaviyo's official client against the emulator. Its models check each request and each response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openapi_client.exceptions import ApiException

from tests.unit.sandbox.klaviyo.world import (
    LIST,
    World,
    klaviyo_world,
    patched,
    profile,
    rows_of,
)

CALLS: dict[str, list[Callable[[World], Any]]] = {}


def calls(group: str) -> Callable[[Callable[[World], Any]], Callable[[World], Any]]:
    """Add a function to the list of calls."""

    def add(function: Callable[[World], Any]) -> Callable[[World], Any]:
        CALLS.setdefault(group, []).append(function)
        return function

    return add


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with klaviyo_world() as started:
        yield started


# Profiles


@calls("profiles")
def get_a_profile(world: World) -> None:
    found = world.profiles.get_profile(world.anna).data
    assert (found.id, found.attributes.email) == (world.anna, "anna@example.com")
    assert found.attributes.location.city == "Oslo"
    assert found.attributes.created is not None
    assert found.attributes.subscriptions is None
    assert found.relationships.lists.links.related.endswith(f"/api/profiles/{world.anna}/lists")


@calls("profiles")
def get_a_profile_with_its_subscriptions(world: World) -> None:
    found = world.profiles.get_profile(
        world.anna, additional_fields_profile=["subscriptions", "predictive_analytics"]
    ).data.attributes
    assert found.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"
    assert found.subscriptions.email.marketing.can_receive_email_marketing is True


@calls("profiles")
def get_a_profile_with_its_lists(world: World) -> None:
    one = world.new_profile()
    group = world.new_list(one)
    found = world.profiles.get_profile(one, include=["lists"])
    assert [each["id"] for each in found.included] == [group]
    assert [each.id for each in found.data.relationships.lists.data] == [group]


@calls("profiles")
def get_a_profile_with_sparse_fields(world: World) -> None:
    found = world.profiles.get_profile(world.anna, fields_profile=["email", "location.city"])
    assert found["data"]["attributes"] == {
        "email": "anna@example.com",
        "location": {"city": "Oslo"},
    }


@calls("profiles")
def get_profiles_by_any_of_several_addresses(world: World) -> None:
    found = world.profiles.get_profiles(
        filter='any(email,["ANNA@example.com","nobody@example.com"])'
    ).data
    assert [one.id for one in found] == [world.anna]


@calls("profiles")
def get_profiles_by_an_external_id_in_single_quotes(world: World) -> None:
    found = world.profiles.get_profiles(filter="equals(external_id,'u2')").data
    assert [one.id for one in found] == [world.bob]


@calls("profiles")
def get_profiles_by_two_conditions(world: World) -> None:
    found = world.profiles.get_profiles(
        filter='and(equals(email,"anna@example.com"),greater-than(created,2020-01-01T00:00:00Z))'
    ).data
    assert [one.id for one in found] == [world.anna]
    comma = 'equals(email,"anna@example.com"),less-than(created,2020-01-01T00:00:00Z)'
    assert world.profiles.get_profiles(filter=comma).data == []


@calls("profiles")
def get_profiles_page_by_page(world: World) -> None:
    first = world.profiles.get_profiles(page_size=2, sort="email")
    second = world.profiles.get_profiles(page_size=2, sort="email", page_cursor=first.links.next)
    addresses = [one.attributes.email for one in (*first.data, *second.data)]
    assert addresses == sorted(addresses)
    assert addresses[:2] == ["anna@example.com", "bob@example.com"]
    assert first.links.prev is None
    assert second.links.prev is not None


@calls("profiles")
def get_profiles_in_descending_order(world: World) -> None:
    found = world.profiles.get_profiles(page_size=100, sort="-id").data
    assert [one.id for one in found] == sorted((one.id for one in found), reverse=True)


@calls("profiles")
def create_a_profile(world: World) -> None:
    made = world.profiles.create_profile(
        profile(email=world.new_email(), properties={"n": 1}, location={"zip": "0150"})
    ).data
    assert made.attributes.properties == {"n": 1}
    assert world.profiles.get_profile(made.id).data.attributes.location.zip == "0150"


@calls("profiles")
def update_a_profile_and_clear_a_field(world: World) -> None:
    one = world.new_profile(first_name="Ida", last_name="Moe")
    body = profile(first_name=None, title="Dr")
    body["data"]["id"] = one
    updated = world.profiles.update_profile(one, body).data.attributes
    assert (updated.first_name, updated.last_name, updated.title) == (None, "Moe", "Dr")


@calls("profiles")
def update_an_address(world: World) -> None:
    one, address = world.new_profile(), world.new_email()
    body = profile(email=address)
    body["data"]["id"] = one
    world.profiles.update_profile(one, body)
    found = world.profiles.get_profiles(filter=f'equals(email,"{address}")').data
    assert [each.id for each in found] == [one]


@calls("profiles")
def upsert_creates_and_updates(world: World) -> None:
    address = world.new_email()
    first = world.profiles.create_or_update_profile_with_http_info(profile(email=address))
    second = world.profiles.create_or_update_profile_with_http_info(
        profile(email=address.upper(), first_name="Ola")
    )
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.data.data.id == second.data.data.id


@calls("profiles")
def upsert_by_id(world: World) -> None:
    one = world.new_profile()
    body = profile(first_name="Kim")
    body["data"]["id"] = one
    assert world.profiles.create_or_update_profile(body).data.attributes.first_name == "Kim"


@calls("profiles")
def upsert_appends_to_a_property(world: World) -> None:
    address = world.new_email()
    world.new_profile(email=address, properties={"tags": ["a"]})
    after = world.profiles.create_or_update_profile(
        patched(address, append={"tags": "b", "other": "x"})
    ).data.attributes.properties
    assert after == {"tags": ["a", "b"], "other": ["x"]}


@calls("profiles")
def upsert_removes_from_a_property(world: World) -> None:
    address = world.new_email()
    world.new_profile(email=address, properties={"tags": ["a", "b"]})
    after = world.profiles.create_or_update_profile(
        patched(address, unappend={"tags": ["a"], "none": "x"})
    ).data.attributes.properties
    assert after == {"tags": ["b"]}


@calls("profiles")
def upsert_unsets_properties(world: World) -> None:
    address = world.new_email()
    world.new_profile(email=address, properties={"a": 1, "b": 2, "c": 3})
    world.profiles.create_or_update_profile(patched(address, unset="a"))
    after = world.profiles.create_or_update_profile(patched(address, unset=["b", "unknown"]))
    assert after.data.attributes.properties == {"c": 3}


@calls("profiles")
def upsert_clears_a_field_with_null(world: World) -> None:
    address = world.new_email()
    world.new_profile(email=address, first_name="Ida", location={"city": "Bergen"})
    body = profile(email=address, first_name=None, location={"city": None})
    after = world.profiles.create_or_update_profile(body).data.attributes
    assert (after.first_name, after.location.city) == (None, None)


@calls("profiles")
def upsert_adds_and_removes_a_further_address(world: World) -> None:
    address, further = world.new_email(), world.new_email()
    one = world.new_profile(email=address)
    body = profile(email=address)
    for operation, found in (("append", [one]), ("unappend", [])):
        body["data"]["meta"] = {"patch_identifiers": {operation: {"email": [further]}}}
        world.profiles.create_or_update_profile(body)
        shown = world.profiles.get_profiles(filter=f"equals(email,'{further}')").data
        assert [each.id for each in shown] == found


@calls("profiles")
def lists_of_a_profile(world: World) -> None:
    one = world.new_profile()
    group = world.new_list(one)
    assert [each.id for each in world.profiles.get_lists_for_profile(one).data] == [group]
    assert [each.id for each in world.profiles.get_list_ids_for_profile(one).data] == [group]


@calls("profiles")
def segments_of_a_profile(world: World) -> None:
    assert world.profiles.get_segments_for_profile(world.anna).data == []
    assert world.profiles.get_segment_ids_for_profile(world.anna).data == []


@calls("profiles")
def merge_two_profiles(world: World) -> None:
    kept = world.new_profile(properties={"a": 1})
    gone = world.new_profile(external_id="merged", properties={"a": 2, "b": 3})
    group = world.new_list(gone)
    body = {
        "data": {
            "type": "profile-merge",
            "id": kept,
            "relationships": {"profiles": rows_of("profile", gone)},
        }
    }
    assert world.profiles.merge_profiles(body).data.id == kept
    after = world.profiles.get_profile(kept).data.attributes
    assert (after.external_id, after.properties) == ("merged", {"a": 1, "b": 3})
    assert [one.id for one in world.lists.get_profile_ids_for_list(group).data] == [kept]
    with pytest.raises(ApiException) as refused:
        world.profiles.get_profile(gone)
    assert refused.value.status == 404


# Lists


@calls("lists")
def create_a_list(world: World) -> None:
    body = {"data": {"type": "list", "attributes": {"name": "New"}}}
    made = world.lists.create_list(body).data
    assert (made.attributes.name, len(made.id)) == ("New", 6)
    assert made.attributes.opt_in_process == "double_opt_in"


@calls("lists")
def create_a_list_with_single_opt_in(world: World) -> None:
    attributes = {"name": "New", "opt_in_process": "single_opt_in"}
    made = world.lists.create_list({"data": {"type": "list", "attributes": attributes}}).data
    assert made.attributes.opt_in_process == "single_opt_in"


@calls("lists")
def get_a_list(world: World) -> None:
    found = world.lists.get_list(LIST).data
    assert found.attributes.name == "VIP"
    assert found.attributes.profile_count is None
    assert found.relationships.profiles.links.related.endswith(f"/api/lists/{LIST}/profiles")


@calls("lists")
def get_a_list_with_its_number_of_profiles(world: World) -> None:
    group = world.new_list(world.anna, world.bob)
    found = world.lists.get_list(group, additional_fields_list=["profile_count"]).data
    assert found.attributes.profile_count == 2


@calls("lists")
def get_lists_by_name_in_single_and_double_quotes(world: World) -> None:
    for text in ("equals(name,'VIP')", 'equals(name,"VIP")', 'any(name,["VIP","none"])'):
        assert [one.id for one in world.lists.get_lists(filter=text).data] == [LIST]


@calls("lists")
def get_lists_page_by_page(world: World) -> None:
    for _ in range(3):
        world.new_list()
    first = world.lists.get_lists(page_size=2, sort="-id")
    second = world.lists.get_lists(page_size=2, sort="-id", page_cursor=first.links.next)
    found = [one.id for one in (*first.data, *second.data)]
    assert found == sorted(set(found), reverse=True)
    assert len(found) == 4


@calls("lists")
def get_lists_with_sparse_fields(world: World) -> None:
    found = world.lists.get_lists(fields_list=["name"], filter="equals(name,'VIP')")
    assert found["data"][0]["attributes"] == {"name": "VIP"}


@calls("lists")
def get_lists_created_after_a_time(world: World) -> None:
    assert world.lists.get_lists(filter="greater-than(created,2099-01-01T00:00:00Z)").data == []


@calls("lists")
def rename_a_list(world: World) -> None:
    group = world.new_list()
    body = {"data": {"type": "list", "id": group, "attributes": {"name": "Renamed"}}}
    assert world.lists.update_list(group, body).data.attributes.name == "Renamed"
    assert world.lists.get_list(group).data.attributes.name == "Renamed"


@calls("lists")
def delete_a_list(world: World) -> None:
    group = world.new_list()
    world.lists.delete_list(group)
    with pytest.raises(ApiException) as refused:
        world.lists.get_list(group)
    assert refused.value.status == 404


@calls("lists")
def members_of_a_list(world: World) -> None:
    group = world.new_list(world.anna, world.bob)
    found = world.lists.get_profiles_for_list(group, page_size=1)
    assert found.data[0].attributes.joined_group_at is not None
    following = world.lists.get_profiles_for_list(group, page_cursor=found.links.next)
    assert [one.id for one in (*found.data, *following.data)] == [world.anna, world.bob]


@calls("lists")
def members_by_address_and_in_the_other_order(world: World) -> None:
    group = world.new_list(world.anna, world.bob)
    found = world.lists.get_profiles_for_list(group, filter="equals(email,'bob@example.com')").data
    assert [one.id for one in found] == [world.bob]
    ids = world.lists.get_profile_ids_for_list(group, sort="-joined_group_at").data
    assert [one.id for one in ids] == [world.bob, world.anna]


@calls("lists")
def members_who_joined_after_a_time(world: World) -> None:
    group = world.new_list(world.anna)
    text = "greater-or-equal(joined_group_at,2020-01-01T00:00:00Z)"
    assert len(world.lists.get_profile_ids_for_list(group, filter=text).data) == 1


@calls("lists")
def add_and_remove_members(world: World) -> None:
    group = world.new_list(world.anna)
    world.lists.remove_profiles_from_list(group, rows_of("profile", world.anna, "unknown"))
    assert world.lists.get_profile_ids_for_list(group).data == []


# Imports


@calls("imports")
def start_an_import_and_get_it(world: World) -> None:
    group = world.new_list()
    rows = [{"type": "profile", "attributes": {"email": world.new_email()}} for _ in range(3)]
    body = {
        "data": {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": rows}},
            "relationships": {"lists": rows_of("list", group)},
        }
    }
    started = world.profiles.bulk_import_profiles(body).data
    assert (started.attributes.status, started.attributes.total_count) == ("queued", 3)
    found = world.profiles.get_bulk_import_profiles_job(started.id, include=["lists"])
    assert found.data.attributes.status == "complete"
    assert found.data.attributes.expires_at > found.data.attributes.completed_at
    assert [one.id for one in found.included] == [group]


@calls("imports")
def list_imports(world: World) -> None:
    found = world.profiles.get_bulk_import_profiles_jobs(
        filter='equals(status,"complete")', sort="-created_at"
    ).data
    assert world.job in [one.id for one in found]


@calls("imports")
def list_imports_with_sparse_fields(world: World) -> None:
    found = world.profiles.get_bulk_import_profiles_jobs(
        fields_profile_bulk_import_job=["status"], page_size=1
    )
    assert list(found["data"][0]["attributes"]) == ["status"]


@calls("imports")
def profiles_of_an_import(world: World) -> None:
    found = world.profiles.get_profiles_for_bulk_import_profiles_job(world.job).data
    assert [one.attributes.email for one in found] == ["anna@example.com", "c@x.io"]
    ids = world.profiles.get_profile_ids_for_bulk_import_profiles_job(world.job).data
    assert [one.id for one in ids] == [one.id for one in found]


@calls("imports")
def lists_of_an_import(world: World) -> None:
    found = world.profiles.get_list_for_bulk_import_profiles_job(world.job).data
    assert [one.attributes.name for one in found] == ["VIP"]
    ids = world.profiles.get_list_ids_for_bulk_import_profiles_job(world.job).data
    assert [one.id for one in ids] == [LIST]


@calls("imports")
def errors_of_an_import(world: World) -> None:
    (found,) = world.profiles.get_errors_for_bulk_import_profiles_job(world.job).data
    assert found.attributes.original_payload["email"] == "bad@example.com"
    counts = world.profiles.get_bulk_import_profiles_job(world.job).data.attributes
    assert (counts.total_count, counts.completed_count, counts.failed_count) == (3, 2, 1)


# The account


@calls("account")
def get_the_account(world: World) -> None:
    (found,) = world.accounts.get_accounts().data
    assert found.attributes.public_api_key == found.id
    assert world.accounts.get_account(found.id).data.attributes.timezone


# Subscriptions


def _subscriptions(kind: str, consent: str, address: str, group: str | None) -> dict[str, Any]:
    row = {
        "type": "profile",
        "attributes": {
            "email": address,
            "subscriptions": {"email": {"marketing": {"consent": consent}}},
        },
    }
    body: dict[str, Any] = {"data": {"type": kind, "attributes": {"profiles": {"data": [row]}}}}
    if group:
        body["data"]["relationships"] = {"list": {"data": {"type": "list", "id": group}}}
    return body


def _consent(world: World, address: str) -> str:
    (found,) = world.profiles.get_profiles(
        filter=f'equals(email,"{address}")', additional_fields_profile=["subscriptions"]
    ).data
    return str(found.attributes.subscriptions.email.marketing.consent)


@calls("subscriptions")
def subscribe_a_new_address_to_a_list(world: World) -> None:
    group, address = world.new_list(), world.new_email()
    world.emulator.account.lists[group].opt_in_process = "single_opt_in"
    world.profiles.bulk_subscribe_profiles(
        _subscriptions("profile-subscription-bulk-create-job", "SUBSCRIBED", address, group)
    )
    assert _consent(world, address) == "SUBSCRIBED"
    assert len(world.lists.get_profile_ids_for_list(group).data) == 1


@calls("subscriptions")
def subscribe_with_double_opt_in_waits_for_the_person(world: World) -> None:
    group, address = world.new_list(), world.new_email()
    world.profiles.bulk_subscribe_profiles(
        _subscriptions("profile-subscription-bulk-create-job", "SUBSCRIBED", address, group)
    )
    assert _consent(world, address) == "NEVER_SUBSCRIBED"
    assert world.lists.get_profile_ids_for_list(group).data == []


@calls("subscriptions")
def unsubscribe_from_a_list(world: World) -> None:
    address = world.new_email()
    group = world.new_list(world.new_profile(email=address))
    world.profiles.bulk_unsubscribe_profiles(
        _subscriptions("profile-subscription-bulk-delete-job", "UNSUBSCRIBED", address, group)
    )
    assert _consent(world, address) == "UNSUBSCRIBED"
    assert world.lists.get_profile_ids_for_list(group).data == []


@pytest.mark.parametrize("group", sorted(CALLS))
def test_calls_succeed(world: World, group: str) -> None:
    failed = {}
    for call in CALLS[group]:
        try:
            call(world)
        except Exception as error:  # noqa: BLE001 - each failure counts
            failed[call.__name__] = f"{type(error).__name__}: {str(error)[:400]}"
    assert not failed, f"{len(CALLS[group]) - len(failed)} of {len(CALLS[group])} succeed: {failed}"


def test_there_are_many_calls() -> None:
    assert sum(map(len, CALLS.values())) >= 40
