"""The typed view of a stored configuration."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from app.domain.activation_config import new_config
from app.domain.changes import ChangeKind, Mode
from app.domain.options import SplitArm
from app.services.revision.config import Identifier, IncludedAttribute, Revision

CONFIG = new_config(
    activation_type="Audience Membership Changed",
    personalization={"profile": {"properties": ["plan"], "mapping": {"plan": "tier"}}},
    mapping={"actionId": "act-1", "settings": {"email": {"@path": "$.traits.email"}}},
    id_sync=[{"externalId": "email", "strategy": "last", "mapTo": "mail"}],
    id_sync_given=True,
    connection_settings={"region": "eu"},
)


class TestParse:
    def test_reads_what_a_new_configuration_holds(self) -> None:
        revision = Revision.parse(CONFIG)
        assert revision.mode is Mode.MAINTAIN
        assert revision.action == "act-1"
        assert revision.mapping == {"email": {"@path": "$.traits.email"}}
        assert revision.identifiers == (Identifier("email", "last", "mail"),)
        assert revision.identifiers_chosen
        assert revision.properties == ("plan",)
        assert revision.property_names == {"plan": "tier"}
        assert revision.connection_settings == {"region": "eu"}
        assert (revision.split, revision.included, revision.list_id) == ((), None, None)

    def test_reads_the_delivery_options(self) -> None:
        revision = Revision.parse(
            {
                **CONFIG,
                "mode": "append",
                "list": {"id": "L1"},
                "consent": "may_mail",
                "audiences": ["aud_2"],
                "split": [
                    {"name": "A", "weight": 90, "sent": True, "list": {"id": "L2"}},
                    {"name": "control", "weight": 10, "sent": False},
                ],
                "splitProperty": "arm",
                "includedAttribute": {"name": "in_spring", "value": "Spring"},
            }
        )
        assert revision.mode is Mode.APPEND
        assert (revision.list_id, revision.consent, revision.audiences) == (
            "L1",
            "may_mail",
            ("aud_2",),
        )
        assert revision.split == (SplitArm("A", 90, True, "L2"), SplitArm("control", 10, False))
        assert [arm.name for arm in revision.sent_arms] == ["A"]
        assert revision.split_property == "arm"
        assert revision.included == IncludedAttribute("in_spring", "Spring")

    @pytest.mark.parametrize(
        "change",
        [
            {"updates": True},
            {"personalization": {"profile": {}, "syncEntityPropertyChanges": True}},
        ],
        ids=["by the delivery options", "by the personalization"],
    )
    def test_updates_are_sent_if_either_place_asks_for_them(
        self, change: dict[str, object]
    ) -> None:
        assert ChangeKind.UPDATED not in Revision.parse(CONFIG).sends
        assert ChangeKind.UPDATED in Revision.parse({**CONFIG, **change}).sends

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Revision.parse(CONFIG).mode = Mode.REMOVE  # type: ignore[misc]  # the fact under test
