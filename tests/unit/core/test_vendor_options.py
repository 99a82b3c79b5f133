"""Options of object stores from the vendors' own sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.config import Settings
from app.core.vendor_options import aws_profile

CONFIG = """
[default]
region = eu-west-1
[profile objects]
region = eu-central-1
endpoint_url = https://objects.internal:9000
[profile services]
services = mine
[services mine]
s3 =
  endpoint_url = http://127.0.0.1:9001
"""


def test_profiles_of_aws_give_region_and_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(CONFIG)
    assert aws_profile(file, "default") == {"region": "eu-west-1"}
    assert aws_profile(file, "objects")["endpoint_url"] == "https://objects.internal:9000"
    assert aws_profile(file, "services") == {"endpoint_url": "http://127.0.0.1:9001"}
    assert aws_profile(file, "none") == aws_profile(tmp_path / "none", "default") == {}


def test_variables_take_precedence_over_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(CONFIG)
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_PROFILE": "objects",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
        "STORAGE_EMULATOR_HOST": "127.0.0.1:4443",
    }.items():
        monkeypatch.setenv(name, value)
    assert Settings().store_defaults == {
        "s3": {"endpoint_override": "127.0.0.1:9000", "scheme": "http", "region": "eu-central-1"},
        "gs": {"endpoint_override": "127.0.0.1:4443", "scheme": "http", "anonymous": "true"},
    }
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.internal")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    found = Settings().store_defaults["s3"]
    assert found == {"endpoint_override": "s3.internal", "scheme": "https", "region": "eu-north-1"}
