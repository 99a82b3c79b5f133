"""What Klaviyo confirmed is delivered, and nothing else: unexpected responses, unmatched errors, refusals that name nobody."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from app.connectors.base import Pending
from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.connectors.destinations.klaviyo.settings import KlaviyoSettings
from app.connectors.errors import ConfigurationRejected, PayloadRejected
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.sandbox import Sandbox
from app.sandbox.server import Request, Response
from tests.unit.connectors.create import create_tools
from tests.unit.connectors.klaviyo.test_connector import LIST, World, list_call, people, person

JOBS = "/api/profile-bulk-import-jobs"
Rule = Callable[[Request], Response | None]


class Bent(KlaviyoEmulator):
    """The emulator, with rules that respond before it does."""

    def __init__(self) -> None:
        super().__init__(job_seconds=0.02, limits=False)
        self.rules: list[Rule] = []
        self.bent = 0

    def handle(self, request: Request) -> Response:
        for rule in self.rules:
            if (response := rule(request)) is not None:
                self.bent += 1
                return response
        return super().handle(request)

    def respond(self, method: str, path: str, status: int, content: Any) -> None:
        """Respond to matching requests with a status and JSON (or bytes)."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()

        def rule(request: Request) -> Response | None:
            if request.method != method or not re.fullmatch(path, request.path):
                return None
            return Response(status, body, {"content-type": "application/vnd.api+json"})

        self.rules.append(rule)

    def once(self, method: str, path: str, status: int, content: Any) -> None:
        """Respond so to the first matching request only."""
        self.respond(method, path, status, content)
        rule = self.rules.pop()

        def first(request: Request) -> Response | None:
            response = rule(request)
            if response is not None:
                self.rules.remove(first)
            return response

        self.rules.append(first)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    partner = Bent()
    partner.account.new_list("VIP", LIST)
    async with Sandbox([partner]) as sandbox, create_tools() as tools:
        settings = KlaviyoSettings.model_validate(
            {"api_key": "pk_sandbox", "base_url": sandbox.urls["klaviyo"]}
        )
        yield World(sandbox, partner, KlaviyoConnector(settings, tools))


@pytest.fixture
def bent(world: World) -> Bent:
    assert isinstance(world.partner, Bent)
    return world.partner


def import_error(payload: Any) -> dict[str, Any]:
    attributes = {
        "code": "invalid",
        "title": "Invalid",
        "detail": "not taken",
        "source": {"pointer": "/data"},
        "original_payload": payload,
    }
    return {
        "data": [{"type": "import-error", "id": "e1", "attributes": attributes}],
        "links": {"next": None},
    }


PHONE = "+15005550006"
UNMATCHED = {
    "no payload": import_error(None),
    "no entry": {"data": [], "links": {}},
    "another form of the phone": import_error({"phone_number": "(500) 555-0006"}),
    "a payload of another type": import_error("p7@example.com"),
    "no list of errors": {"data": None},
    "an error of another person": import_error({"email": "who@example.com"}),
    "another form of the errors": {"data": [{"id": 7}]},
}


class TestJobs:
    @pytest.mark.parametrize("errors", UNMATCHED.values(), ids=UNMATCHED)
    async def test_a_failure_that_names_nobody_leaves_the_missing_row_unknown(
        self, world: World, bent: Bent, errors: Any
    ) -> None:
        bent.refused[PHONE] = "not taken"
        rows = people(12)
        rows[7] = person(7, key_type="phone_number", key=PHONE, identifiers={"phone_number": PHONE})
        bent.respond("GET", f"{JOBS}/[^/]+/import-errors", 200, errors)
        receipts = await world.run(list_call(), rows)
        assert (list(receipts.unknown), receipts.rejected) == ([7], {})
        assert len(world.emails()) == 11
        assert len(receipts.partner_ids) == 11
        if errors == UNMATCHED["no payload"]:
            assert "not taken" in receipts.unknown[7].message

    async def test_counts_that_do_not_add_up_are_compared_with_the_profiles(
        self, world: World, bent: Bent
    ) -> None:
        counts = {"status": "complete", "total_count": 12, "completed_count": 11, "failed_count": 0}
        bent.respond("GET", f"{JOBS}/job_[^/]+", 200, {"data": {"id": "x", "attributes": counts}})
        first = await world.connector.deliver(list_call(), people(12))
        assert isinstance(first, Pending)
        profiles = [
            {"id": f"01{n}", "attributes": {"email": f"P{n}@example.com"}} for n in range(11)
        ]
        bent.respond("GET", f"{JOBS}/[^/]+/profiles", 200, {"data": profiles})
        receipts = await world.finish(list_call(), people(12), first)
        assert list(receipts.unknown) == [11]
        assert receipts.partner_ids[0] == "010"

    @pytest.mark.parametrize(
        "job",
        [{}, {"data": None}, {"data": {"id": "x", "attributes": {"status": "failed"}}}, b"<html>"],
        ids=["empty", "null", "another status", "html"],
    )
    async def test_a_job_in_an_unexpected_form_is_polled_three_times(
        self, world: World, bent: Bent, job: Any
    ) -> None:
        bent.respond("GET", f"{JOBS}/job_[^/]+", 200, job)
        receipts = await world.run(list_call(), people(12))
        assert sorted(receipts.unknown) == list(range(12))
        assert bent.bent == 3

    @pytest.mark.parametrize("accepted", [{}, b"", {"data": {"id": None}}, {"data": {"id": 7}}])
    async def test_an_accepted_job_without_an_id_is_started_three_times(
        self, world: World, bent: Bent, accepted: Any
    ) -> None:
        bent.respond("POST", JOBS, 202, accepted)
        receipts = await world.run(list_call(), people(12))
        assert sorted(receipts.unknown) == list(range(12))
        assert bent.bent == 3

    async def test_pages_that_repeat_end(self, world: World, bent: Bent) -> None:
        bent.refused["p3@example.com"] = "no"
        following = "https://a.klaviyo.com/x?page%5Bcursor%5D=again"
        page = {"data": [], "links": {"next": following}}
        bent.respond("GET", f"{JOBS}/[^/]+/import-errors", 200, page)
        receipts = await world.run(list_call(), people(12))
        assert list(receipts.unknown) == [3]
        assert bent.bent < 10

    async def test_a_handle_of_the_version_before_is_resumed(self, world: World) -> None:
        first = await world.connector.deliver(list_call(), people(12))
        assert isinstance(first, Pending)
        old = {"next": 0, "rows": None, "job": first.handle["job"], "upto": 12, "polls": 1, "restarts": 0,
               "searched": 0, "found": [], "rejected": {}, "partner_ids": {}}  # fmt: skip
        receipts = await world.finish(list_call(), people(12), Pending(old, first.check_after))
        assert not receipts.unknown
        assert len(world.emails()) == 12


class TestSingleCalls:
    @pytest.mark.parametrize(
        "content", [{}, b"", b"<html>", [1], {"data": {"id": None}}, {"data": {"id": ""}}]
    )
    async def test_a_profile_without_an_id_is_unknown_after_three_calls(
        self, world: World, bent: Bent, content: Any
    ) -> None:
        bent.respond("POST", "/api/profile-import", 200, content)
        receipts = await world.run(list_call(), people(1))
        assert list(receipts.unknown) == [0]
        assert receipts.partner_ids == {}
        assert bent.bent == 3

    async def test_a_list_call_must_return_204(self, world: World, bent: Bent) -> None:
        bent.respond("POST", f"/api/lists/{LIST}/relationships/profiles", 200, {})
        receipts = await world.run(list_call(), people(2))
        assert sorted(receipts.unknown) == [0, 1]
        assert bent.bent == 3


def refuse(bent: Bent, bad: set[str], pointer: str | None, status: int = 400) -> None:
    """Refuse every job that holds a bad address, with one pointer."""

    def rule(request: Request) -> Response | None:
        if request.method != "POST" or not any(one.encode() in request.body for one in bad):
            return None
        source = {"pointer": pointer} if pointer else {}
        entry = {"code": "invalid", "detail": "not so", "source": source}
        return Response(status, json.dumps({"errors": [entry]}).encode(), {})

    bent.rules.append(rule)


class TestRefusals:
    @pytest.mark.parametrize("status", [400, 422])
    @pytest.mark.parametrize(
        "pointer",
        ["/data/attributes/profiles/data", None, "/data/attributes/profiles/data/12", "/data"],
    )
    async def test_a_refusal_that_names_nobody_is_divided(
        self, world: World, bent: Bent, pointer: str | None, status: int
    ) -> None:
        refuse(bent, {'"p7@example.com"', '"p8@example.com"'}, pointer, status)
        receipts = await world.run(list_call(), people(12))
        assert {i: r.message for i, r in receipts.rejected.items()} == {7: "not so", 8: "not so"}
        assert len(world.emails()) == 10
        assert bent.bent < 12

    @pytest.mark.parametrize("count", [1, 12, 200])
    async def test_a_partner_that_refuses_everything_rejects_nobody(
        self, world: World, bent: Bent, count: int
    ) -> None:
        refuse(bent, {"@example.com"}, None)
        with pytest.raises(PayloadRejected, match="not so"):
            await world.run(list_call(), people(count))
        assert bent.bent <= 45

    async def test_waits_grow_between_refusals_that_name_one_each(
        self, world: World, bent: Bent
    ) -> None:
        def first_only(request: Request) -> Response | None:
            if not request.path.startswith(JOBS) or request.method != "POST":
                return None
            entry = {"detail": "no", "source": {"pointer": "/data/attributes/profiles/data/0"}}
            return Response(400, json.dumps({"errors": [entry]}).encode(), {})

        bent.rules.append(first_only)
        rows = people(40)
        result, waits = await world.connector.deliver(list_call(), rows), []
        while isinstance(result, Pending):
            waits.append(result.check_after.total_seconds())
            result = await world.connector.resume(list_call(), rows, result.handle)
        assert len(result.rejected) == 40
        assert waits == sorted(waits)
        assert waits[-1] > 1


class TestDuplicates:
    """A person whose identifiers belong to two profiles is sent with the key alone."""

    @pytest.mark.parametrize("others", [0, 12])
    async def test_the_profile_of_the_key_is_added_with_a_note(
        self, world: World, bent: Bent, others: int
    ) -> None:
        owner, _ = bent.account.upsert({"email": "p0@example.com"})
        other, _ = bent.account.upsert({"external_id": "u1", "email": "x@example.com"})
        both = person(
            0,
            identifiers={"email": "p0@example.com", "external_id": "u1"},
            fields={"first_name": "Ann"},
        )
        receipts = await world.run(
            list_call(), [both, *(person(n) for n in range(20, 20 + others))]
        )
        assert (receipts.rejected, receipts.unknown) == ({}, {})
        assert receipts.notes[0].code == "duplicate_profile"
        assert receipts.partner_ids[0] == owner.id
        assert "p0@example.com" in world.emails()
        assert len(world.emails()) == others + 1
        assert owner.attributes == {"email": "p0@example.com", "first_name": "Ann"}
        assert other.attributes == {"external_id": "u1", "email": "x@example.com"}

    async def test_many_are_sent_again_as_one_job(self, world: World, bent: Bent) -> None:
        rows = []
        for n in range(30):
            bent.account.upsert({"email": f"p{n}@example.com"})
            bent.account.upsert({"external_id": f"u{n}"})
            email = f"p{n}@example.com"
            rows.append(person(n, identifiers={"email": email, "external_id": f"u{n}"}))
        receipts = await world.run(list_call(), rows)
        assert len(receipts.notes) == len(world.emails()) == 30
        assert (receipts.rejected, receipts.unknown) == ({}, {})
        assert world.calls()[f"POST {JOBS}"] == 2

    async def test_a_conflict_of_the_key_alone_is_a_refusal(self, world: World, bent: Bent) -> None:
        conflict = {"errors": [{"code": "duplicate_profile", "detail": "two people", "meta": {}}]}
        bent.respond("POST", "/api/profile-import", 409, conflict)
        both = person(0, identifiers={"email": "p0@example.com", "external_id": "u1"})
        receipts = await world.run(list_call(), [both, person(1)])
        assert {i: r.code for i, r in receipts.rejected.items()} == dict.fromkeys(
            (0, 1), "duplicate_profile"
        )
        assert receipts.notes == {}


class TestCounts:
    @pytest.mark.parametrize(
        ("counts", "unknown"),
        [
            ((12, 12, 1), []),  # the count of completed profiles includes the failed one
            ((12, None, None), []),  # OpenAPI document: both may be null
            ((0, 0, 0), [7]),
            ((24, 24, 0), [7]),
        ],
    )
    async def test_other_counts_are_explained_by_the_profiles(
        self, world: World, bent: Bent, counts: tuple[Any, ...], unknown: list[int]
    ) -> None:
        bent.refused["p7@example.com"] = "no"
        first = await world.connector.deliver(list_call(), people(12))
        names = ("total_count", "completed_count", "failed_count")
        attributes = {"status": "complete", **dict(zip(names, counts, strict=True))}
        bent.respond(
            "GET", f"{JOBS}/job_[^/]+", 200, {"data": {"id": "x", "attributes": attributes}}
        )
        await asyncio.sleep(0.03)  # the import takes so long
        receipts = await world.finish(list_call(), people(12), first)
        assert (list(receipts.unknown), len(receipts.partner_ids)) == (unknown, 11)
        assert list(receipts.rejected) == ([] if unknown else [7])

    async def test_an_import_that_is_always_cancelled_says_so(
        self, world: World, bent: Bent
    ) -> None:
        cancelled = {"data": {"id": "x", "attributes": {"status": "cancelled"}}}
        bent.respond("GET", f"{JOBS}/job_[^/]+", 200, cancelled)
        with pytest.raises(ConfigurationRejected, match="cancelled the import 4 times"):
            await world.run(list_call(), people(12))


async def test_a_profile_that_is_gone_before_it_is_added_is_unknown(
    world: World, bent: Bent
) -> None:
    fault = {"code": "not_found", "detail": "no such profile", "source": {"pointer": "/data/1/id"}}
    path = "/api/lists/[^/]+/relationships/profiles"
    bent.once("POST", path, 404, {"errors": [{"id": "1", "title": "t", **fault}]})
    receipts = await world.run(list_call(), people(3))
    assert list(receipts.unknown) == [1]
    assert "no such profile" in receipts.unknown[1].message
    assert world.emails() == {"p0@example.com", "p2@example.com"}
