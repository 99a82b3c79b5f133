"""Settings of sources: encrypted for one dataset, and validated with the field at fault."""

from __future__ import annotations

import pytest

from app.core.crypto import Keyring, KeyringError
from app.core.errors import Invalid
from app.services.datasets.sealing import seal, unseal, validated
from app.sources import ObjectSource
from app.storage.models import Dataset

KEYRING = Keyring({"k1": bytes(32)}, b"pepper")


def test_settings_are_read_for_their_dataset_only() -> None:
    sealed = seal(KEYRING, "ws_1", "dst_1", {"url": "s3://b/a.csv", "password": "top-secret"})
    assert b"top-secret" not in sealed
    assert unseal(KEYRING, "ws_1", Dataset(id="dst_1", settings=sealed))["password"] == "top-secret"
    for workspace, dataset in (("ws_2", "dst_1"), ("ws_1", "dst_2")):
        with pytest.raises(KeyringError):
            unseal(KEYRING, workspace, Dataset(id=dataset, settings=sealed))


def test_each_fault_names_its_field() -> None:
    given = {"url": "ftp://x", "max_age_hours": 0, "secret_access_key": "top-secret"}
    with pytest.raises(Invalid) as refused:
        validated(ObjectSource, given, "file")
    assert [one.field for one in refused.value.problems] == ["file.url", "file.maxAgeHours"]
    assert "top-secret" not in str(refused.value.problems)
