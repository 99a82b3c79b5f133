"""An exit is delivered if Klaviyo confirmed it, or if a search that is not behind finds no profile of the member."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from app.connectors.base import Call, Delivery, Identifier, Pending, Receipts
from app.domain.changes import ChangeKind
from tests.unit.connectors.create import ATTEMPTED
from tests.unit.connectors.klaviyo.test_connector import LIST, World, list_call, people, person
from tests.unit.connectors.klaviyo.test_import_jobs import JOBS, Bent, bent, world

__all__ = ["bent", "world"]  # fixtures


@dataclass
class Rows:
    """The other rows of a place: keys by the identifier that they carry, and the ids that several of them have."""

    carried: Mapping[Identifier, Sequence[Identifier]] = field(default_factory=dict)
    asked: list[Identifier] = field(default_factory=list)
    ids: Collection[str] = ()

    async def carriers(
        self, identifiers: Collection[Identifier]
    ) -> Mapping[Identifier, Sequence[Identifier]]:
        self.asked += identifiers
        return {one: self.carried[one] for one in identifiers if one in self.carried}

    async def shared(self, identifiers: Collection[Identifier]) -> Collection[Identifier]:
        return [one for one in identifiers if one in self.carried]

    async def shared_ids(self, partner_ids: Collection[str]) -> Collection[str]:
        return [one for one in partner_ids if one in self.ids]


def exits(rows: Sequence[Delivery], **changes: Any) -> list[Delivery]:
    return [replace(row, kind=ChangeKind.EXITED, **changes) for row in rows]


def exit_call(**changes: Any) -> Call:
    return list_call(ChangeKind.EXITED, **changes)


class TestNotShownYet:
    async def test_a_member_of_a_job_leaves_by_the_id_that_the_job_returned(
        self, world: World
    ) -> None:
        world.partner.account.index_seconds = 60
        receipts = await world.run(list_call(), people(12))
        known = [
            replace(row, kind=ChangeKind.EXITED, partner_id=receipts.partner_ids[n])
            for n, row in enumerate(people(12))
        ]
        await world.run(exit_call(), known)
        assert world.partner.account.lists[LIST].members == {}
        assert world.calls()["GET /api/profiles"] == 0

    @pytest.mark.parametrize("status", [404, 500])
    async def test_counts_confirm_a_job_whose_profiles_cannot_be_read(
        self, world: World, bent: Bent, status: int
    ) -> None:
        bent.respond("GET", f"{JOBS}/[^/]+/profiles", status, {})
        assert await world.run(list_call(), people(12)) == Receipts()

    async def test_a_member_sent_lately_is_looked_for_until_it_shows(self, world: World) -> None:
        world.partner.account.index_seconds = 0.3
        await world.run(list_call(), people(3))
        rows = exits(people(3), sent_at=ATTEMPTED - timedelta(minutes=9))
        receipts = await world.run(exit_call(), rows)
        assert receipts == Receipts()
        assert world.partner.account.lists[LIST].members == {}
        assert world.calls()["GET /api/profiles"] > 1

    async def test_after_ten_minutes_a_member_that_is_not_found_is_not_there(
        self, world: World
    ) -> None:
        late = exits(people(3), sent_at=ATTEMPTED - timedelta(minutes=10))
        assert await world.run(exit_call(), late) == Receipts()
        assert world.calls() == {"GET /api/profiles": 1}

    @pytest.mark.walk
    async def test_the_search_waits_longer_each_time_and_ends(self, world: World) -> None:
        rows = exits(people(1_001), sent_at=ATTEMPTED - timedelta(minutes=5))
        world.partner.limits = False
        result: Receipts | Pending = await world.connector.deliver(exit_call(), rows)
        waits = []
        for minute in range(40):
            if isinstance(result, Receipts):
                break
            waits.append(result.check_after.total_seconds())
            later = exit_call(attempted_at=ATTEMPTED + timedelta(minutes=minute // 4))
            result = await world.connector.resume(later, rows, result.handle)
        assert isinstance(result, Receipts)
        assert [wait for wait in waits if wait][:6] == [1, 2, 4, 8, 16, 30]


@pytest.fixture
async def renamed(world: World) -> World:
    """A list with u0 to u11, of which Klaviyo knows u3 under another address."""
    await world.run(list_call(), [member(n) for n in range(12)])
    world.partner.account.upsert({"external_id": "u3", "email": "new@example.com"})
    return world


def member(number: int) -> Delivery:
    email = f"p{number}@example.com"
    return person(number, identifiers={"email": email, "external_id": f"u{number}"})


class TestOtherIdentifiers:
    async def test_a_member_whose_key_was_changed_leaves_by_another_identifier(
        self, renamed: World
    ) -> None:
        rows = Rows()
        receipts = await renamed.run(exit_call(place_rows=rows), exits([member(3), member(4)]))
        assert receipts == Receipts()
        assert len(renamed.emails()) == 10
        assert "new@example.com" not in renamed.emails()
        assert sorted(rows.asked) == [("email", "new@example.com"), ("external_id", "u3")]

    @pytest.mark.parametrize("shared", [("external_id", "u3"), ("email", "new@example.com")])
    async def test_a_profile_that_may_be_another_members_stays_and_the_exit_is_unknown(
        self, renamed: World, shared: Identifier
    ) -> None:
        rows = Rows({shared: [("email", "p9@example.com")]})
        receipts = await renamed.run(exit_call(place_rows=rows), exits([member(3)]))
        assert list(receipts.unknown) == [0]
        assert "new@example.com" in renamed.emails()

    async def test_a_profile_with_the_key_of_another_member_is_that_members(
        self, renamed: World
    ) -> None:
        key = ("email", "new@example.com")
        rows = Rows({key: [key]})
        receipts = await renamed.run(exit_call(place_rows=rows), exits([member(3)]))
        assert receipts == Receipts()
        assert "new@example.com" in renamed.emails()

    async def test_its_own_row_does_not_keep_a_member(self, renamed: World) -> None:
        rows = Rows({("external_id", "u3"): [("email", "p3@example.com")]})
        await renamed.run(exit_call(place_rows=rows), exits([member(3)]))
        assert "new@example.com" not in renamed.emails()

    @pytest.mark.parametrize(
        ("detail", "pointer"),
        [("no such profile", "/data/0/id"), ("A profile with id {} does not exist.", "/data/")],
        ids=["by a pointer", "by its words"],
    )
    async def test_an_id_that_was_merged_away_is_searched_for_by_the_key(
        self, world: World, bent: Bent, detail: str, pointer: str
    ) -> None:
        receipts = await world.run(list_call(), people(3))
        first = receipts.partner_ids[0]
        known = [
            replace(row, kind=ChangeKind.EXITED, partner_id=receipts.partner_ids[n])
            for n, row in enumerate(people(3))
        ]
        fault = {
            "code": "not_found",
            "detail": detail.format(first),
            "source": {"pointer": pointer},
        }
        body = {"errors": [{"id": "1", "title": "t", **fault}]}
        bent.once("DELETE", f"/api/lists/{LIST}/relationships/profiles", 404, body)
        assert await world.run(exit_call(), known) == Receipts()
        assert world.emails() == set()
        assert world.calls()["GET /api/profiles"] == 1
        assert first in bent.account.profiles

    async def test_an_id_that_only_the_search_knows_does_not_stop_the_others(
        self, world: World, bent: Bent
    ) -> None:
        receipts = await world.run(list_call(), people(3))
        first = receipts.partner_ids[0]
        fault = {
            "code": "not_found",
            "detail": "no such profile",
            "source": {"pointer": "/data/0/id"},
        }
        body = {"errors": [{"id": "1", "title": "t", **fault}]}
        for _ in range(2):
            bent.once("DELETE", f"/api/lists/{LIST}/relationships/profiles", 404, body)
        known = [
            replace(row, kind=ChangeKind.EXITED, partner_id=first if n == 0 else None)
            for n, row in enumerate(people(3))
        ]
        assert await world.run(exit_call(), known) == Receipts()
        assert world.emails() == {"p0@example.com"}


class TestFurtherAddresses:
    """Klaviyo merges profiles of one person. The search returns the profile for each of its addresses."""

    @pytest.fixture
    async def merged(self, world: World) -> World:
        """A list with p0 to p11, of which p3 is an address of the profile of p9 since then."""
        await world.run(list_call(), people(12))
        account = world.partner.account
        kept, gone = (account.find("email", f"p{n}@example.com") for n in (9, 3))
        assert kept is not None
        assert gone is not None
        account._merge(kept.id, gone.id)
        account.patch_emails(kept, {"append": {"email": ["p3@example.com"]}})
        assert account.find("email", "p3@example.com") is kept
        return world

    async def test_a_profile_of_a_member_who_stays_stays(self, merged: World) -> None:
        key = ("email", "p9@example.com")
        rows = Rows({key: [key]})
        receipts = await merged.run(exit_call(place_rows=rows), exits(people(12)[3:5]))
        assert receipts == Receipts()
        assert merged.emails() == {f"p{n}@example.com" for n in range(12)} - {
            "p3@example.com",
            "p4@example.com",
        }

    async def test_it_leaves_if_all_its_members_do(self, merged: World) -> None:
        key = ("email", "p9@example.com")
        rows = Rows({key: [key]})
        both = exits([people(12)[3], people(12)[9]])
        assert await merged.run(exit_call(place_rows=rows), both) == Receipts()
        assert "p9@example.com" not in merged.emails()

    async def test_it_leaves_if_its_main_address_is_no_members(self, merged: World) -> None:
        rows = exits([people(12)[3]])
        assert await merged.run(exit_call(place_rows=Rows()), rows) == Receipts()
        assert "p9@example.com" not in merged.emails()


class TestAccepted:
    @pytest.mark.parametrize("count", [2, 12])
    async def test_of_a_duplicate_the_key_alone_is_accepted(self, world: World, count: int) -> None:
        world.partner.account.upsert({"email": "other@example.com", "external_id": "u1"})
        world.partner.account.upsert({"email": "p1@example.com"})
        receipts = await world.run(list_call(), [member(n) for n in range(count)])
        assert receipts.identities == {1: {"email": "p1@example.com"}}
        assert list(receipts.notes) == [1]

    async def test_a_user_id_that_is_an_address_leaves_by_e_mail(self, world: World) -> None:
        row = person(0, key_type="external_id", key="a@b.io", identifiers={"external_id": "a@b.io"})
        await world.run(list_call(), [row])
        await world.run(exit_call(), exits([row]))
        assert world.emails() == set()
