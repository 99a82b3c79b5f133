"""Names of columns: spellings, precedence and conflicts."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.domain.column_names import find_column, matching


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("email", "Email"), ("email", "E-Mail"), ("email", "EMAIL"), ("email", "email_address"),
        ("email", "Email Address"), ("email", "eMail"), ("phone", "Phone"), ("phone", "phone_number"),
        ("phone", "phoneNumber"), ("phone", "Phone Number"), ("user_id", "userId"),
        ("user_id", "USER_ID"), ("user_id", "User ID"), ("user_id", "userid"),
        ("profile_id", "PROFILE_ID"), ("profile_id", "profileId"), ("profile_id", "Profile-Id"),
        ("anonymous_id", "anonymousId"), ("android.idfa", "android_idfa"), ("country", "Country"),
        ("country", "country_code"),
    ],
)  # fmt: skip
def test_spellings(name: str, column: str) -> None:
    assert find_column(name, ["id", column, "plan"]) == column


@pytest.mark.parametrize("column", ["mail", "email_opt_in", "work_email", "mobile", "id", "user"])
def test_other_columns_stay_traits(column: str) -> None:
    assert [name for name in ("email", "phone", "user_id") if matching(name, [column])] == []


def test_the_exact_name_takes_precedence() -> None:
    assert find_column("email", ["E-Mail", "email", "Email Address"]) == "email"


def test_two_others_are_refused_by_name() -> None:
    with pytest.raises(Invalid, match="E-Mail, email_address are all read as email"):
        find_column("email", ["E-Mail", "email_address"])
