"""The emulator's errors, as Klaviyo's official client reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openapi_client.exceptions import ApiException

from tests.unit.sandbox.klaviyo.world import LIST, World, klaviyo_world, patched, profile, rows_of

HEADERS = {"authorization": "Klaviyo-API-Key pk_everything", "revision": "2026-07-15"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with klaviyo_world() as started:
        yield started


def refusal(call: Callable[[], Any]) -> tuple[int, dict[str, Any]]:
    """Return the status and the first error of a call. The client's model has checked the document."""
    with pytest.raises(ApiException) as refused:
        call()
    assert refused.value.data is not None
    assert refused.value.data.errors
    entry: dict[str, Any] = json.loads(str(refused.value.body))["errors"][0]
    return int(refused.value.status or 0), entry


class TestCredentials:
    @pytest.mark.walk
    def test_an_unknown_key(self, world: World) -> None:
        status, entry = refusal(world.connect("pk_unknown").Lists.get_lists)
        assert (status, entry["code"]) == (401, "authentication_failed")

    @pytest.mark.walk
    def test_a_key_that_lacks_a_scope(self, world: World) -> None:
        status, entry = refusal(world.connect("pk_sandbox").Accounts.get_accounts)
        assert (status, entry["code"]) == (403, "permission_denied")
        assert "accounts:read" in entry["detail"]

    @pytest.mark.walk
    def test_a_retired_revision(self, world: World) -> None:
        client = world.connect("pk_everything")
        client.api_client.default_headers["revision"] = "2023-02-22"
        status, entry = refusal(client.Lists.get_lists)
        assert (status, "2023-02-22" in entry["detail"]) == (410, True)

    def test_the_retired_api_of_before(self, world: World) -> None:
        response = httpx.get(f"{world.url}/api/v2/lists", headers=HEADERS, trust_env=False)
        assert response.status_code == 410
        assert "retired" in response.json()["message"]


class TestRequests:
    def test_what_does_not_exist(self, world: World) -> None:
        for call in (
            lambda: world.profiles.get_profile("none"),
            lambda: world.profiles.get_lists_for_profile("none"),
            lambda: world.profiles.get_segments_for_profile("none"),
            lambda: world.lists.get_list("none"),
            lambda: world.lists.get_profiles_for_list("none"),
            lambda: world.lists.delete_list("none"),
            lambda: world.lists.add_profiles_to_list("none", rows_of("profile", world.anna)),
            lambda: world.lists.add_profiles_to_list(LIST, rows_of("profile", "none")),
            lambda: world.profiles.get_bulk_import_profiles_job("none"),
            lambda: world.profiles.get_list_for_bulk_import_profiles_job("none"),
            lambda: world.accounts.get_account("none"),
        ):
            status, entry = refusal(call)
            assert (status, entry["code"]) == (404, "not_found")

    @pytest.mark.parametrize(
        "text",
        [
            "equals(name,'VIP'",
            "equals(name,'VIP",
            "equals(name)",
            "equals(size,'VIP')",
            "greater-than(name,'VIP')",
            "greater-than(created,yesterday)",
            "equals(name,'VIP') or equals(name,'x')",
            "name='VIP'",
            "()",
        ],
    )
    def test_a_filter_that_is_not_valid(self, world: World, text: str) -> None:
        status, entry = refusal(lambda: world.lists.get_lists(filter=text))
        assert (status, entry["source"]) == (400, {"parameter": "filter"})

    def test_a_cursor_that_is_not_valid(self, world: World) -> None:
        status, entry = refusal(lambda: world.lists.get_lists(page_cursor="x"))
        assert (status, entry["source"]) == (400, {"parameter": "page[cursor]"})

    def test_values_that_are_not_valid(self, world: World) -> None:
        for attributes, pointer in (
            ({"email": "nobody"}, "/data/attributes/email"),
            ({"phone_number": "0170"}, "/data/attributes/phone_number"),
            ({"external_id": "x" * 256}, "/data/attributes/external_id"),
            ({"first_name": "Ida"}, "/data/attributes"),
        ):
            for call in (world.profiles.create_profile, world.profiles.create_or_update_profile):
                status, entry = refusal(lambda: call(profile(**attributes)))  # noqa: B023
                assert (status, entry["code"]) == (400, "invalid")
                assert entry["source"]["pointer"] == pointer

    def test_a_profile_above_100_kilobytes(self, world: World) -> None:
        large = profile(email="large@example.com", properties={"x": "y" * 100_000})
        assert refusal(lambda: world.profiles.create_profile(large))[0] == 413

    def test_an_id_in_the_body_that_differs_from_the_path(self, world: World) -> None:
        body = profile(title="Dr")
        body["data"]["id"] = world.bob
        status, entry = refusal(lambda: world.profiles.update_profile(world.anna, body))
        assert (status, entry["source"]["pointer"]) == (400, "/data/id")


class TestDuplicates:
    def test_creating_a_profile_that_exists(self, world: World) -> None:
        status, entry = refusal(
            lambda: world.profiles.create_profile(profile(email="ANNA@example.com"))
        )
        assert (status, entry["code"]) == (409, "duplicate_profile")
        assert entry["meta"] == {"duplicate_profile_id": world.anna}

    def test_taking_the_address_of_another(self, world: World) -> None:
        body = profile(email="anna@example.com")
        body["data"]["id"] = world.bob
        for call in (
            lambda: world.profiles.update_profile(world.bob, body),
            lambda: world.profiles.create_or_update_profile(body),
        ):
            status, entry = refusal(call)
            assert (status, entry["meta"]["duplicate_profile_id"]) == (409, world.anna)
        assert world.profiles.get_profile(world.bob).data.attributes.email == "bob@example.com"

    def test_two_identifiers_of_two_profiles(self, world: World) -> None:
        body = profile(email="anna@example.com", external_id="u2")
        status, entry = refusal(lambda: world.profiles.create_or_update_profile(body))
        assert status == 409
        assert entry["meta"]["duplicate_profile_id"] in (world.anna, world.bob)


def _call_until_refused(world: World) -> None:
    for _ in range(4):  # a second may begin in between
        world.accounts.get_accounts()


class TestLimits:
    def test_a_call_above_the_limit(self, world: World) -> None:
        world.emulator.limits = True
        try:
            with pytest.raises(ApiException) as refused:
                _call_until_refused(world)
        finally:
            world.emulator.limits = False
        assert refused.value.headers is not None
        assert int(refused.value.headers["retry-after"]) >= 1
        assert "ratelimit-limit" not in refused.value.headers
        entry = json.loads(str(refused.value.body))["errors"][0]
        assert (entry["code"], entry["status"]) == ("throttled", 429)

    def test_other_responses_name_the_limits(self, world: World) -> None:
        found = world.lists.get_list_with_http_info(LIST).headers
        assert (found["ratelimit-limit"], int(found["ratelimit-reset"]) <= 60) == ("750", True)
        with pytest.raises(ApiException) as refused:
            world.lists.get_list("none")
        assert dict(refused.value.headers or {})["ratelimit-limit"] == "750"

    def test_additional_fields_have_lower_limits(self, world: World) -> None:
        found = world.lists.get_list_with_http_info(LIST, additional_fields_list=["profile_count"])
        assert found.headers["ratelimit-limit"] == "15"


class TestSettings:
    def test_errors_without_payloads_and_pointers(self, world: World) -> None:
        settings = f"{world.url}/_control/klaviyo/settings"
        rows = [{"type": "profile", "attributes": {"email": "bad@example.com"}}]
        body: Any = {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {"profiles": {"data": rows}},
            }
        }
        off, on = ({"payloads": one, "pointers": one} for one in (False, True))
        httpx.post(settings, json=off, trust_env=False)
        try:
            job = world.profiles.bulk_import_profiles(body).data.id
            (entry,) = world.profiles.get_errors_for_bulk_import_profiles_job(job).data
            assert entry.attributes.original_payload is None
            rows[0]["attributes"] = {"email": "nobody"}
            _, refused = refusal(lambda: world.profiles.bulk_import_profiles(body))
            assert refused["source"]["pointer"] == "/data/attributes/profiles/data"
        finally:
            httpx.post(settings, json=on, trust_env=False)

    def test_what_is_written_shows_later(self, world: World) -> None:
        settings = f"{world.url}/_control/klaviyo/settings"
        httpx.post(settings, json={"indexSeconds": 60}, trust_env=False)
        try:
            made = world.profiles.create_or_update_profile(profile(email="late@example.com")).data
            group = world.new_list(made.id)
        finally:
            httpx.post(settings, json={"indexSeconds": 0}, trust_env=False)
        assert world.profiles.get_profile(made.id).data.id == made.id
        assert world.profiles.get_profiles(filter="equals(email,'late@example.com')").data == []
        assert world.lists.get_profile_ids_for_list(group).data == []
        assert world.emulator.account.lists[group].members

    def test_two_rows_of_one_person_are_one_profile(self, world: World) -> None:
        rows = [
            {"type": "profile", "attributes": {"email": address}}
            for address in ("twice@example.com", "TWICE@example.com")
        ]
        started = world.profiles.bulk_import_profiles(
            {
                "data": {
                    "type": "profile-bulk-import-job",
                    "attributes": {"profiles": {"data": rows}},
                }
            }
        ).data
        counts = world.profiles.get_bulk_import_profiles_job(started.id).data.attributes
        assert (counts.total_count, counts.completed_count) == (2, 2)
        assert len(world.profiles.get_profiles_for_bulk_import_profiles_job(started.id).data) == 1


def test_a_patch_of_a_profile_that_is_new(world: World) -> None:
    made = world.profiles.create_or_update_profile(
        patched("patched@example.com", append={"tags": "a"}, unset="other")
    ).data
    assert made.attributes.properties == {"tags": ["a"]}
