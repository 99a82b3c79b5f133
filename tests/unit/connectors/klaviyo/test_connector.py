from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus

import pytest
from pydantic import ValidationError

from app.connectors.base import Call, Connector, Delivery, Lists, Pending, ReadBack, Receipts
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.klaviyo.definition import UPSERT
from app.connectors.destinations.klaviyo.settings import (
    KlaviyoConnectionSettings,
    KlaviyoSettings,
)
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    PayloadRejected,
    Throttled,
    TransientFailure,
)
from app.domain.changes import ChangeKind
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from tests.unit.connectors.create import create_call, create_delivery, create_tools
from tests.unit.sandbox.klaviyo.models import check_requests

LIST = "AbCdEf"


@dataclass
class World:
    """A connector and its emulated partner."""

    sandbox: Sandbox
    partner: KlaviyoEmulator
    connector: KlaviyoConnector

    async def run(self, call: Call, rows: Sequence[Delivery]) -> Receipts:
        """Deliver, and resume until there are receipts."""
        return await self.finish(call, rows, await self.connector.deliver(call, rows))

    async def finish(
        self,
        call: Call,
        rows: Sequence[Delivery],
        result: Receipts | Pending,
        connector: Connector | None = None,
    ) -> Receipts:
        """Resume a call until there are receipts. Handles are converted to JSON and back."""
        while isinstance(result, Pending):
            await asyncio.sleep(min(result.check_after.total_seconds(), 0.05))
            handle = json.loads(json.dumps(result.handle))
            result = await (connector or self.connector).resume(call, rows, handle)
        return result

    def requests(self) -> list[dict[str, Any]]:
        return self.sandbox.recorder.listed("klaviyo", 1000)

    def calls(self) -> Counter[str]:
        return Counter(
            f"{request['method']} {request['url'].split('?')[0]}" for request in self.requests()
        )

    def emails(self) -> set[str]:
        members = self.partner.members(LIST)
        assert members is not None
        return {member["email"] for member in members}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    partner = KlaviyoEmulator(job_seconds=0.02)
    partner.account.new_list("VIP", LIST)
    async with Sandbox([partner]) as sandbox, create_tools() as tools:
        settings = KlaviyoSettings.model_validate(
            {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        )
        yield World(sandbox, partner, KlaviyoConnector(settings, tools))
        assert partner.violations == []
        check_requests(sandbox.recorder.listed("klaviyo", 1_000))


def person(number: int, **changes: Any) -> Delivery:
    email = changes.pop("email", f"p{number}@example.com")
    values: dict[str, Any] = {"key_type": "email", "key": email, "identifiers": {"email": email}}
    return create_delivery(**{"profile_id": f"p{number}", **values, **changes})


def people(count: int, **changes: Any) -> list[Delivery]:
    return [person(number, **changes) for number in range(count)]


def list_call(kind: ChangeKind = ChangeKind.ENTERED, **changes: Any) -> Call:
    return create_call(kind=kind, **{"target": LIST, **changes})


class TestRequests:
    """The exact requests of each action."""

    async def test_many_entries_are_sent_as_one_job(self, world: World) -> None:
        rows = people(11)
        rows[0] = person(
            0,
            identifiers={
                "email": "p0@example.com",
                "external_id": ["u0"],
                "phone_number": "+15005550006",
            },
            fields={
                "first_name": "Ann",
                "title": None,
                "properties": {"plan": "gold"},
                "location": {"city": "Bonn", "zip": 53111, "region": None},
            },
        )
        result = await world.connector.deliver(list_call(), rows)
        assert isinstance(result, Pending)
        assert result.check_after.total_seconds() == 1
        (request,) = world.requests()
        assert (request["method"], request["url"]) == ("POST", "/api/profile-bulk-import-jobs")
        headers = request["headers"]
        assert headers["authorization"] == "Klaviyo-API-Key pk_sandbox"
        assert headers["revision"] == "2026-07-15"
        assert headers["content-type"] == headers["accept"] == "application/vnd.api+json"
        body = json.loads(request["body"])
        profiles = body["data"]["attributes"]["profiles"]["data"]
        assert profiles[:2] == [
            {
                "type": "profile",
                "attributes": {
                    "email": "p0@example.com",
                    "external_id": "u0",
                    "phone_number": "+15005550006",
                    "first_name": "Ann",
                    "location": {"city": "Bonn", "zip": "53111"},
                    "properties": {"plan": "gold"},
                },
            },
            {"type": "profile", "attributes": {"email": "p1@example.com"}},
        ]
        assert len(profiles) == 11
        assert body["data"]["type"] == "profile-bulk-import-job"
        assert body["data"]["relationships"] == {"lists": {"data": [{"type": "list", "id": LIST}]}}

    async def test_a_few_entries_are_sent_one_by_one_and_return_ids(self, world: World) -> None:
        receipts = await world.run(list_call(), people(2))
        single, _, add = world.requests()
        assert (single["method"], single["url"]) == ("POST", "/api/profile-import")
        assert json.loads(single["body"]) == {
            "data": {"type": "profile", "attributes": {"email": "p0@example.com"}}
        }
        assert (add["method"], add["url"]) == ("POST", f"/api/lists/{LIST}/relationships/profiles")
        ids = list(world.partner.account.profiles)
        assert json.loads(add["body"]) == {"data": [{"type": "profile", "id": one} for one in ids]}
        assert receipts.partner_ids == dict(enumerate(ids))

    async def test_an_exit_is_removed_by_the_known_id(self, world: World) -> None:
        receipts = await world.run(list_call(), people(2))
        exits = [
            person(n, kind=ChangeKind.EXITED, partner_id=receipts.partner_ids[n]) for n in (0, 1)
        ]
        await world.run(list_call(ChangeKind.EXITED), exits)
        request = world.requests()[-1]
        assert (request["method"], request["url"]) == (
            "DELETE",
            f"/api/lists/{LIST}/relationships/profiles",
        )
        ids = [receipts.partner_ids[0], receipts.partner_ids[1]]
        assert json.loads(request["body"]) == {
            "data": [{"type": "profile", "id": one} for one in ids]
        }
        assert len(world.requests()) == 4
        assert world.emails() == set()
        assert len(world.partner.account.profiles) == 2

    async def test_an_exit_without_an_id_is_searched_for(self, world: World) -> None:
        await world.run(list_call(), people(2))
        exits = [
            person(0, kind=ChangeKind.EXITED),
            person(7, kind=ChangeKind.EXITED, email='a"b@example.com'),
        ]
        receipts = await world.run(list_call(ChangeKind.EXITED), exits)
        search, delete = world.requests()[-2:]
        assert unquote_plus(search["url"]) == (
            '/api/profiles?filter=any(email,["p0@example.com","a\\"b@example.com"])'
            "&fields[profile]=email,external_id,phone_number&page[size]=100"
        )
        assert len(json.loads(delete["body"])["data"]) == 1
        assert receipts == Receipts()  # whom Klaviyo does not know is off the list
        assert world.emails() == {"p1@example.com"}

    async def test_an_exit_whose_key_was_changed_at_klaviyo_is_unknown(self, world: World) -> None:
        rows = [
            person(n, identifiers={"email": f"p{n}@example.com", "external_id": f"u{n}"})
            for n in range(12)
        ]
        await world.run(list_call(), rows)
        world.partner.account.upsert({"external_id": "u3", "email": "new@example.com"})
        exits = [replace(rows[n], kind=ChangeKind.EXITED) for n in (3, 4)]
        receipts = await world.run(list_call(ChangeKind.EXITED), exits)
        assert list(receipts.unknown) == [0]
        assert "external_id" in receipts.unknown[0].message
        assert "p4@example.com" not in world.emails()

    async def test_unknown_members_need_no_removal(self, world: World) -> None:
        await world.run(list_call(ChangeKind.EXITED), people(3, kind=ChangeKind.EXITED))
        assert world.calls() == {"GET /api/profiles": 1}

    async def test_a_resync_is_the_same_request(self, world: World) -> None:
        rows = people(11)
        await world.connector.deliver(list_call(), rows)
        await world.connector.deliver(list_call(resync=True), rows)
        first, second = world.requests()
        assert first["body"] == second["body"]

    async def test_an_upsert_names_no_list(self, world: World) -> None:
        await world.connector.deliver(list_call(action_id=UPSERT.id, target=None), people(11))
        assert "relationships" not in json.loads(world.requests()[0]["body"])["data"]

    async def test_a_list_is_created_with_its_name(self, world: World) -> None:
        made = await world.connector.create_list("Spring", "ii_1")
        (request,) = world.requests()
        assert (request["method"], request["url"]) == ("POST", "/api/lists")
        assert json.loads(request["body"]) == {
            "data": {"type": "list", "attributes": {"name": "Spring"}}
        }
        assert world.partner.members(made) == []


class TestDeliver:
    @pytest.mark.walk
    async def test_ten_thousand_in_one_job(self, world: World) -> None:
        receipts = await world.run(list_call(), people(10_000))
        assert receipts == Receipts()
        assert len(world.emails()) == 10_000
        assert world.calls()["POST /api/profile-bulk-import-jobs"] == 1

    async def test_thousands_exit_a_thousand_at_a_time(self, world: World) -> None:
        await world.run(list_call(), people(2_500))
        ids = {p.attributes["email"]: p.id for p in world.partner.account.profiles.values()}
        exits = [
            person(n, kind=ChangeKind.EXITED, partner_id=ids[f"p{n}@example.com"])
            for n in range(2_500)
        ]
        await world.run(list_call(ChangeKind.EXITED), exits)
        assert world.emails() == set()
        assert world.calls()[f"DELETE /api/lists/{LIST}/relationships/profiles"] == 3
        assert world.calls()["GET /api/profiles"] == 0

    async def test_a_hundred_are_searched_at_a_time(self, world: World) -> None:
        world.partner.limits = False
        await world.run(list_call(), people(250))
        await world.run(list_call(ChangeKind.EXITED), people(250, kind=ChangeKind.EXITED))
        assert world.emails() == set()
        assert world.calls()["GET /api/profiles"] == 3

    async def test_one_bad_address_does_not_hold_back_the_rest(self, world: World) -> None:
        rows = people(30)
        rows[3] = person(3, email="not an address")
        rows[20] = person(20, email="x@")
        receipts = await world.run(list_call(), rows)
        assert {i: (r.code, r.message, r.pointer) for i, r in receipts.rejected.items()} == {
            3: (
                "invalid",
                "Invalid email address",
                "/data/attributes/profiles/data/3/attributes/email",
            ),
            20: (
                "invalid",
                "Invalid email address",
                "/data/attributes/profiles/data/20/attributes/email",
            ),
        }
        assert len(world.emails()) == 28
        assert world.calls()["POST /api/profile-bulk-import-jobs"] == 2

    async def test_a_bad_address_among_a_few_is_refused_alone(self, world: World) -> None:
        rows = [person(0), person(1, email="x@")]
        receipts = await world.run(list_call(), rows)
        assert list(receipts.rejected) == [1]
        assert world.emails() == {"p0@example.com"}

    async def test_what_fails_in_the_import_is_matched_by_what_was_sent(self, world: World) -> None:
        world.partner.refused.update({"p4@example.com": "suppressed", "u9": "blocked"})
        rows = people(150)
        rows[9] = person(9, key_type="external_id", key="u9", identifiers={"external_id": "u9"})
        receipts = await world.run(list_call(), rows)
        assert {i: r.message for i, r in receipts.rejected.items()} == {
            4: "suppressed",
            9: "blocked",
        }
        assert len(world.emails()) == 148

    async def test_a_member_without_an_identifier_is_skipped(self, world: World) -> None:
        rows = [person(0), person(1, key_type="other", identifiers={})]
        receipts = await world.run(list_call(), rows)
        assert receipts.skipped[1].code == "no_identifier"
        rows = [person(1, kind=ChangeKind.EXITED, key_type="other", identifiers={})]
        receipts = await world.run(list_call(ChangeKind.EXITED), rows)
        assert receipts.skipped[0].code == "no_identifier"

    async def test_a_profile_of_more_than_100_kilobytes_is_skipped(self, world: World) -> None:
        rows = [person(0, fields={"properties": {"x": "y" * 100_000}}), person(1)]
        receipts = await world.run(list_call(), rows)
        assert receipts.skipped[0].code == "profile_too_large"
        assert world.emails() == {"p1@example.com"}

    async def test_jobs_are_cut_by_bytes_too(self, world: World) -> None:
        rows = people(200, fields={"properties": {"x": "y" * 50_000}})
        receipts = await world.run(list_call(), rows)
        assert receipts == Receipts(partner_ids=receipts.partner_ids)
        assert len(receipts.partner_ids) == len(world.emails()) == 200
        assert world.calls()["POST /api/profile-bulk-import-jobs"] == 3

    async def test_a_user_id_that_is_an_address_goes_as_e_mail(self, world: World) -> None:
        await world.run(
            list_call(),
            [
                person(
                    0,
                    key_type="external_id",
                    key="a@b.example",
                    identifiers={"external_id": "a@b.example"},
                )
            ],
        )
        assert world.emails() == {"a@b.example"}


class TestJobs:
    async def test_a_job_is_resumed_and_not_started_twice(self, world: World) -> None:
        rows = people(50)
        first = await world.connector.deliver(list_call(), rows)
        assert isinstance(first, Pending)
        async with create_tools() as tools:  # another worker, after a crash
            settings = {"api_key": "pk_sandbox", "base_url": world.sandbox.urls["klaviyo"]}
            other: Connector = KlaviyoConnector(KlaviyoSettings.model_validate(settings), tools)
            result = await world.finish(list_call(), rows, first, other)
        assert isinstance(result, Receipts)
        assert world.calls()["POST /api/profile-bulk-import-jobs"] == 1

    async def test_the_waits_grow_to_thirty_seconds(self, world: World) -> None:
        world.partner.account.job_seconds = 60
        rows = people(50)
        result = await world.connector.deliver(list_call(), rows)
        waits = []
        for _ in range(7):
            assert isinstance(result, Pending)
            waits.append(result.check_after.total_seconds())
            result = await world.connector.resume(list_call(), rows, result.handle)
        assert waits == [1, 2, 4, 8, 16, 30, 30]

    async def test_a_cancelled_job_is_started_again(self, world: World) -> None:
        world.partner.account.job_seconds = 60
        rows = people(50)
        first = await world.connector.deliver(list_call(), rows)
        assert isinstance(first, Pending)
        for job in world.partner.account.jobs.values():
            job.status = "cancelled"
        world.partner.account.job_seconds = 0
        second = await world.connector.resume(list_call(), rows, first.handle)
        assert isinstance(second, Pending)
        assert isinstance(await world.connector.resume(list_call(), rows, second.handle), Receipts)
        assert len(world.emails()) == 50

    async def test_a_job_that_vanishes_repeatedly_belongs_to_another_account(
        self, world: World
    ) -> None:
        rows = people(50)
        result = await world.connector.deliver(list_call(), rows)

        async def come_back_again_and_again() -> None:
            handle: Pending | Receipts = result
            for _ in range(10):
                assert isinstance(handle, Pending)
                world.partner.account.jobs.clear()
                handle = await world.connector.resume(list_call(), rows, handle.handle)

        with pytest.raises(ConfigurationRejected, match="another account"):
            await come_back_again_and_again()

    async def test_a_failure_while_polling_keeps_the_job(self, world: World) -> None:
        rows = people(50)
        first = await world.connector.deliver(list_call(), rows)
        assert isinstance(first, Pending)
        world.sandbox.faults.add({"kind": "status", "status": 503, "times": 1})
        with pytest.raises(TransientFailure):
            await world.connector.resume(list_call(), rows, first.handle)
        assert isinstance(await world.finish(list_call(), rows, first), Receipts)
        assert world.calls()["POST /api/profile-bulk-import-jobs"] == 1


def json_fault(status: int, code: str, **entry: Any) -> dict[str, Any]:
    body = {"errors": [{"id": "1", "code": code, "title": "t", "detail": f"about {code}", **entry}]}
    return {
        "kind": "status",
        "status": status,
        "body": json.dumps(body),
        "headers": {"content-type": "application/vnd.api+json"},
    }


class TestAnswers:
    @pytest.mark.parametrize(
        ("fault", "error", "words"),
        [
            (json_fault(400, "invalid", source={"pointer": "/data/relationships"}), PayloadRejected, "about invalid"),
            ({"kind": "status", "status": 400}, PayloadRejected, "HTTP 400"),
            (json_fault(401, "not_authenticated"), AuthenticationRejected, "invalid or revoked"),
            (json_fault(403, "permission_denied"), AuthenticationRejected, "profiles:write"),
            (
                {"kind": "status", "status": 403, "body": "<html>", "headers": {"content-type": "text/html", "cf-mitigated": "challenge"}},
                TransientFailure,
                "asked for a browser",
            ),
            (json_fault(404, "not_found"), PayloadRejected, "no list AbCdEf"),
            ({**json_fault(429, "throttled"), "retry_after": 7}, Throttled, "limiting"),
            ({"kind": "status", "status": 500}, TransientFailure, "HTTP 500"),
            ({"kind": "status", "status": 502}, TransientFailure, "HTTP 502"),
            ({"kind": "status", "status": 503}, TransientFailure, "HTTP 503"),
            ({"kind": "status", "status": 504}, TransientFailure, "HTTP 504"),
            ({"kind": "status", "status": 524}, TransientFailure, "HTTP 524"),
            ({"kind": "cut_before"}, TransientFailure, "was lost"),
            ({"kind": "status", "status": 302}, TransientFailure, "redirect"),
        ],
    )  # fmt: skip
    async def test_class_of_a_response(
        self, world: World, fault: dict[str, Any], error: type[ConnectorError], words: str
    ) -> None:
        world.sandbox.faults.add(fault)
        with pytest.raises(error, match=words):
            await world.run(list_call(), people(20))

    async def test_413_halves_the_job(self, world: World) -> None:
        world.sandbox.faults.add({"kind": "status", "status": 413, "times": 1})
        receipts = await world.run(list_call(), people(20))
        assert receipts == Receipts(partner_ids=receipts.partner_ids)
        assert len(world.emails()) == 20
        assert world.calls()["POST /api/profile-bulk-import-jobs"] == 3

    async def test_the_limits_headers_are_obeyed(self, world: World) -> None:
        world.sandbox.faults.add({**json_fault(429, "throttled"), "retry_after": 7})
        with pytest.raises(Throttled) as caught:
            await world.run(list_call(), people(20))
        assert caught.value.retry_after is not None
        assert caught.value.retry_after.total_seconds() == 7

    async def test_a_throttle_in_the_middle_of_searches_does_not_begin_anew(
        self, world: World
    ) -> None:
        await world.run(list_call(), people(500))
        world.sandbox.recorder.clear()
        exits = people(500, kind=ChangeKind.EXITED)
        path = {"path": "/api/profiles", "method": "GET"}
        world.sandbox.faults.add({"kind": "slow", "times": 3, **path})
        world.sandbox.faults.add(
            {"kind": "status", "status": 429, "retry_after": 0, "times": 1, **path}
        )
        result = await world.connector.deliver(list_call(ChangeKind.EXITED), exits)
        assert isinstance(result, Pending)
        assert result.handle["searched"] == 3
        result = await world.connector.resume(
            list_call(ChangeKind.EXITED), exits, json.loads(json.dumps(result.handle))
        )
        assert result == Receipts()
        assert world.emails() == set()
        assert world.calls()["GET /api/profiles"] == 6

    async def test_a_throttle_in_the_middle_of_a_few_keeps_what_was_written(
        self, world: World
    ) -> None:
        path = {"path": "/api/profile-import"}
        world.sandbox.faults.add({"kind": "slow", "times": 2, **path})
        world.sandbox.faults.add(
            {"kind": "status", "status": 429, "retry_after": 0, "times": 1, **path}
        )
        receipts = await world.run(list_call(), people(5))
        assert set(receipts.partner_ids) == {0, 1, 2, 3, 4}
        assert len(world.emails()) == 5
        assert world.calls()["POST /api/profile-import"] == 6
        world.sandbox.faults.clear()
        world.sandbox.faults.add(
            {"kind": "status", "status": 429, "retry_after": 0, "times": 1, "path": "/api/lists"}
        )
        receipts = await world.run(list_call(), [person(9)])
        assert set(receipts.partner_ids) == {0}
        assert len(world.emails()) == 6

    async def test_applied_then_500_converges(self, world: World) -> None:
        world.sandbox.faults.add({"kind": "apply_then_status", "status": 500, "times": 1})
        with pytest.raises(TransientFailure) as caught:
            await world.run(list_call(), people(20))
        assert caught.value.ambiguous
        await world.run(list_call(), people(20))
        assert len(world.emails()) == 20

    async def test_a_missing_list_is_reported(self, world: World) -> None:
        with pytest.raises(ConfigurationRejected, match="no Klaviyo list"):
            await world.run(list_call(target=None), people(1))


class TestCheck:
    @pytest.mark.parametrize(
        ("key", "settings", "ok", "words"),
        [
            ("pk_sandbox", {"list_id": LIST}, True, "the list VIP"),
            ("pk_sandbox", {}, True, "can read lists"),
            (
                "pk_sandbox",
                {"list_id": "abcdef"},
                False,
                "no list abcdef in this account; check upper and lower case",
            ),
            ("pk_wrong", {"list_id": LIST}, False, "invalid or revoked"),
            ("pk_narrow", {"list_id": LIST}, False, "lacks a scope; it needs lists:read"),
        ],
    )
    async def test_explains_the_fix(
        self, world: World, key: str, settings: dict[str, Any], ok: bool, words: str
    ) -> None:
        world.partner.keys["pk_narrow"] = ("profiles:read",)
        async with create_tools() as tools:
            given = {"api_key": key, "base_url": world.sandbox.urls["klaviyo"]}
            connector = KlaviyoConnector(KlaviyoSettings.model_validate(given), tools)
            result = await connector.check(settings)
        assert result.ok is ok
        assert words in result.message


class TestSettings:
    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("AbCdEf", "public key"),
            ("sk_123", "begins with pk_"),
            ("pk_1 2", "begins with pk_"),
            ("", "begins with pk_"),
        ],
    )
    def test_a_wrong_kind_of_key(self, key: str, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            KlaviyoSettings.model_validate({"api_key": key})

    @pytest.mark.parametrize("list_id", ["AbCdE", "AbCdEfg", "AbCd-f", " AbCdEf", "AbCdEf ", ""])
    def test_a_list_id_is_exactly_six(self, list_id: str) -> None:
        with pytest.raises(ValidationError, match="exactly 6 letters and digits"):
            KlaviyoConnectionSettings.model_validate({"list_id": list_id})

    def test_a_list_id_keeps_its_case(self) -> None:
        assert KlaviyoConnectionSettings.model_validate({"listId": "aBcDeF"}).list_id == "aBcDeF"


class TestLists:
    async def test_all_lists_page_by_page(self, world: World) -> None:
        assert isinstance(world.connector, Lists)
        for number in range(24):
            world.partner.account.new_list(f"List {number:02d}")
        found = [name async for _, name in world.connector.list_lists()]
        assert found == sorted([*(f"List {n:02d}" for n in range(24)), "VIP"])
        assert world.calls() == {"GET /api/lists": 3}

    async def test_members_are_read_back_page_by_page(self, world: World) -> None:
        assert isinstance(world.connector, ReadBack)
        await world.run(list_call(), people(250))
        pages = [page async for page in world.connector.members(LIST)]
        assert [len(page) for page in pages] == [100, 100, 50]
        first = pages[0][0]
        assert set(first) == {"partner_id", "email"}
        assert first["email"] == "p0@example.com"

    async def test_members_are_found_although_their_addresses_come_back_in_other_letters(
        self, world: World
    ) -> None:
        world.sandbox.faults.add({"kind": "reformat"})
        await world.run(list_call(), people(30))
        (page,) = [page async for page in world.connector.members(LIST)]
        assert page[0]["email"] == "P0@Example.Com"
        await world.run(list_call(kind=ChangeKind.EXITED), people(30, kind=ChangeKind.EXITED))
        assert world.partner.members(LIST) == []
