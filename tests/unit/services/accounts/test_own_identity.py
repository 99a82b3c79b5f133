"""External ids: made of the workspace, and the same for each of its destinations."""

from __future__ import annotations

import re

from app.connectors.destinations.file_export.settings import GCSSettings, S3Settings
from app.services.accounts.own_identity import bound_to_workspace, external_id_of

KEYS = {"bucket": "files", "access_key_id": "a", "secret_access_key": "b"}
ROLE = {"bucket": "files", "role_arn": "arn:aws:iam::123456789012:role/r", "external_id": "theirs"}


def test_is_one_that_aws_accepts() -> None:
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: ExternalId
    assert re.fullmatch(r"[\w+=,.@:/-]{2,1224}", external_id_of("wsp_1a2B"))
    assert external_id_of("wsp_1") != external_id_of("wsp_2")


def test_replaces_what_a_user_had_entered() -> None:
    bound = bound_to_workspace(S3Settings.model_validate(ROLE), "wsp_1")
    assert bound.external_id is not None
    assert bound.external_id.get_secret_value() == external_id_of("wsp_1")


def test_is_for_roles_only() -> None:
    with_key = S3Settings.model_validate(KEYS)
    assert bound_to_workspace(with_key, "wsp_1") is with_key
    other = GCSSettings.model_validate({"bucket": "files", "endpoint_url": "https://a.example"})
    assert bound_to_workspace(other, "wsp_1") is other
