from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from app.contract.envelope import Output
from app.contract.extensions import (
    datasets,
    delivery_options,
    destinations,
    drift,
    explain,
    exports,
    holdings,
    members,
    runs,
    snapshots,
    status,
    syncs,
)
from app.contract.extensions.base import StrictInput

MODULES = (
    datasets,
    delivery_options,
    destinations,
    drift,
    explain,
    exports,
    holdings,
    members,
    runs,
    snapshots,
    status,
    syncs,
)
INPUTS: dict[type[StrictInput], dict[str, Any]] = {
    datasets.DatasetInput: {"name": "sales", "kind": "upload"},
    datasets.DatasetPatch: {},
    datasets.PostgresSourceInput: {
        "host": "db.example.com",
        "database": "shop",
        "user": "reader",
        "password": "secret",
    },
    datasets.PostgresSourcePatch: {},
    destinations.DestinationInput: {"slug": "webhook", "name": "Hook"},
    destinations.DestinationPatch: {},
    destinations.CheckInput: {},
    destinations.SettingsCheckInput: {"slug": "klaviyo"},
    holdings.SeedInput: {"from": "partner"},
    drift.DriftInput: {},
    members.MembersPatch: {},
    syncs.SyncInput: {},
    syncs.ApprovalInput: {},
    syncs.RetryInput: {"reason": "invalid_email"},
    delivery_options.BrakeChanges: {},
    delivery_options.DeliveryOptionsPatch: {},
}


def models(kind: type[Any]) -> list[type[Any]]:
    found = [
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, kind)
        and value.__module__ == module.__name__
    ]
    assert found
    return found


class TestInputs:
    def test_all_are_listed_here(self) -> None:
        assert set(models(StrictInput)) == set(INPUTS)

    @pytest.mark.parametrize(("model", "body"), INPUTS.items())
    def test_refuse_what_nobody_reads(self, model: type[StrictInput], body: dict[str, Any]) -> None:
        model.model_validate(body)
        with pytest.raises(ValidationError, match="extra_forbidden"):
            model.model_validate({**body, "workspaceId": "wsp_1"})

    @pytest.mark.parametrize(("model", "body"), INPUTS.items())
    def test_take_names_of_the_wire_only(
        self, model: type[StrictInput], body: dict[str, Any]
    ) -> None:
        for name, field in model.model_fields.items():
            if field.alias != name:  # our own name for it
                with pytest.raises(ValidationError):
                    model.model_validate({**body, name: 1})

    def test_null_clears_only_where_it_has_a_meaning(self) -> None:
        patch = delivery_options.DeliveryOptionsPatch.model_validate(
            {"split": None, "consent": None, "list": None, "mode": None, "brake": None}
        )
        assert patch.model_fields_set == {"split", "consent", "list"}

    def test_nothing_is_coerced(self) -> None:
        for body in ({"dryRun": 1}, {"dryRun": "true"}, {"kind": 1}):
            with pytest.raises(ValidationError):
                syncs.SyncInput.model_validate(body)


class TestOutputs:
    @pytest.mark.parametrize("model", models(Output))
    def test_are_camel_case(self, model: type[Output]) -> None:
        for field in model.model_fields.values():
            assert field.alias is not None
            assert "_" not in field.alias
            assert field.alias[0].islower()

    def test_times_are_utc_with_milliseconds(self) -> None:
        moment = datetime(2026, 1, 31, 13, 0, 0, 123456, timezone(timedelta(hours=1)))
        breaker = destinations.Breaker(open_until=moment, reason=None)
        assert breaker.to_wire() == {"openUntil": "2026-01-31T12:00:00.123Z", "reason": None}

    def test_a_run_has_the_agreed_names(self) -> None:
        names = {field.alias for field in runs.RunOutput.model_fields.values()}
        assert names == {
            "id", "audienceId", "kind", "trigger", "status", "asOf", "makeCurrent", "becameCurrent", "members",
            "entered", "exited", "snapshotId", "sources", "notes", "typeChanges", "absent", "refused", "reading", "error", "createdAt", "startedAt", "finishedAt",
        }  # fmt: skip

    def test_a_sync_has_the_agreed_names(self) -> None:
        names = {field.alias for field in syncs.SyncOutput.model_fields.values()}
        assert names >= {
            "id", "activationId", "number", "kind", "trigger", "status", "revision", "wanted", "entered", "exited",
            "updated", "planned", "delivered", "rejected", "skipped", "pending", "leftOut", "batches", "snapshots",
            "holdReason", "error", "openedAt", "plannedAt", "startedAt", "finishedAt",
        }  # fmt: skip

    def test_the_status_has_the_agreed_names(self) -> None:
        names = {field.alias for field in status.StatusOutput.model_fields.values()}
        assert names == {
            "state", "lastSyncedAt", "lastError", "openSync", "revision", "deliveredRevision", "nextDueAt", "held", "assumed",
            "note", "sharedWith", "audiences",
        }  # fmt: skip
