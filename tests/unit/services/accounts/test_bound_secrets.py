"""A stored secret is entered again when a setting changes that decides its target host."""

from __future__ import annotations

from pydantic import BaseModel

from app.services.accounts.bound_secrets import first_moved, secret_required


class Settings(BaseModel):
    url: str
    region: str = "eu"


def test_names_the_first_setting_that_changed() -> None:
    former, now = Settings(url="https://a"), Settings(url="https://b", region="us")
    assert first_moved(former, now, ("region", "url")) == "region"
    assert first_moved(former, now, ("url",)) == "url"


def test_names_nothing_if_all_are_as_before() -> None:
    assert (
        first_moved(Settings(url="https://a"), Settings(url="https://a"), ("url", "region")) is None
    )


def test_the_problem_names_the_secret_and_the_setting() -> None:
    problem = secret_required("apiKey", "region")
    assert problem.field == "apiKey"
    assert "region" in problem.message
