"""The places of a revision: the list, the attribute or the arm in which its keys are held."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.places import Place, place_of
from app.services.revision import placement
from tests.unit.services.revision.definitions import create_definition, create_revision

LISTS = create_definition()
SPLIT: list[dict[str, Any]] = [
    {"name": "A", "weight": 50, "sent": True},
    {"name": "B", "weight": 40, "sent": True},
    {"name": "control", "weight": 10, "sent": False},
]


class TestNamedSettings:
    def test_the_chosen_list_goes_before_that_of_the_connection(self) -> None:
        settings = {"listId": "of the connection"}
        assert (
            placement.named_settings(LISTS, create_revision(connectionSettings=settings))
            == settings
        )
        chosen = create_revision(connectionSettings=settings, list={"id": "chosen"})
        assert placement.named_settings(LISTS, chosen) == {"listId": "chosen"}

    def test_another_name_of_the_setting_counts(self) -> None:
        revision = create_revision(connectionSettings={"list_id": "L1"})
        assert placement.named_settings(LISTS, revision) == {"listId": "L1"}

    def test_an_action_that_uses_no_list_has_no_place(self) -> None:
        revision = create_revision(
            list={"id": "chosen"}, destinationMapping={"actionId": "act-event"}
        )
        assert placement.named_settings(LISTS, revision) == {}


class TestArms:
    def test_each_sent_arm_gets_a_list_of_its_own(self) -> None:
        arms = placement.arms(LISTS, create_revision(split=SPLIT), "act_1", {})
        assert [(arm.name, arm.sent) for arm in arms] == [
            ("A", True),
            ("B", True),
            ("control", False),
        ]
        assert place_of(arms[0].place) == Place("A")
        assert len({arm.place for arm in arms if arm.sent}) == 2

    def test_a_property_keeps_all_arms_on_one_list(self) -> None:
        revision = create_revision(split=SPLIT, splitProperty="arm")
        assert {arm.place for arm in placement.arms(LISTS, revision, "act_1", {})} == {None}

    def test_the_only_sent_arm_needs_no_list_of_its_own(self) -> None:
        revision = create_revision(split=[SPLIT[0], SPLIT[2]])
        assert [arm.place for arm in placement.arms(LISTS, revision, "act_1", {})] == [None, None]

    def test_an_arm_whose_created_list_is_named_stays_where_it_is(self) -> None:
        named = [{**SPLIT[0], "list": {"id": "L9"}}, SPLIT[1]]
        arms = placement.arms(LISTS, create_revision(split=named), "act_1", {"act_1:A": "L9"})
        assert place_of(arms[0].place) == Place("A")


class TestArmProperty:
    def test_is_none_without_a_split(self) -> None:
        assert placement.arm_property(LISTS, create_revision()) is None

    def test_is_none_if_each_arm_has_a_place_of_its_own(self) -> None:
        assert placement.arm_property(LISTS, create_revision(split=SPLIT)) is None

    def test_is_the_given_name_or_the_default_if_arms_share_a_place(self) -> None:
        shared = {"split": SPLIT, "list": {"id": "L1"}}
        assert placement.arm_property(LISTS, create_revision(**shared)) == "split_arm"
        named = create_revision(**shared, splitProperty="arm")
        assert placement.arm_property(LISTS, named) == "arm"


class TestListOf:
    @pytest.mark.parametrize(
        ("place", "expected"),
        [
            (Place(), "created"),
            (Place("A"), "of arm A"),
            (Place("B"), None),
            (Place(settings={"listId": "named"}), "named"),
        ],
    )
    def test_is_the_list_that_was_named_or_created(
        self, place: Place, expected: str | None
    ) -> None:
        created = {"list": "created", "act_1:A": "of arm A"}
        assert placement.list_of(created, "act_1", place.text) == expected


class TestArmOf:
    def test_is_the_arm_of_the_place_before_that_of_the_split(self) -> None:
        revision = create_revision(split=[{"name": "A", "weight": 100, "sent": True}])
        assert placement.arm_of(revision, "act_1", Place("B").text, "p1") == "B"
        assert placement.arm_of(revision, "act_1", None, "p1") == "A"


class TestLacksList:
    @pytest.mark.parametrize(
        ("place", "action", "expected"),
        [
            (Place(), "act-enter", False),
            (Place("A"), "act-enter", False),
            (Place("B"), "act-enter", True),
            (Place(settings={"listId": "named"}), "act-enter", False),
            (Place("B"), "act-event", False),  # an action that writes to no list
        ],
    )
    def test_is_a_list_that_is_neither_named_nor_created(
        self, place: Place, action: str, expected: bool
    ) -> None:
        revision = create_revision(destinationMapping={"actionId": action, "settings": {}})
        created = {"list": "created", "act_1:A": "of arm A"}
        assert placement.lacks_list(LISTS, revision, created, "act_1", place.text) is expected

    def test_a_destination_without_lists_lacks_none(self) -> None:
        names = create_definition(arm_places="names")
        assert not placement.lacks_list(names, create_revision(), {}, "act_1", None)
