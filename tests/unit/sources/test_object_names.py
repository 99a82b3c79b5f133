"""Addresses of files, and patterns of their names."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from app.domain.file_formats import format_of
from app.sources.objects.names import matches, read_address
from app.sources.objects.settings import ObjectSource

KEY = {"access_key_id": "AKIAX", "secret_access_key": "s3cret"}


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a/b.csv", "a/b.csv", True),
        ("a/*.csv", "a/b.csv", True),
        ("a/*.csv", "a/.csv", True),
        ("a/*.csv", "a/b/c.csv", False),
        ("a/*.csv", "a/b.csv.gz", False),
        ("*/*.csv", "a/b.csv", True),
        ("o-*-x-*.csv", "o-1-x-2.csv", True),
        ("o-*-x-*.csv", "o-1-y-2.csv", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("a**b", "ab", True),
        ("a?c", "abc", False),
        ("a.c", "abc", False),
    ],
)
def test_a_star_stands_for_any_characters_of_one_folder(
    pattern: str, name: str, fits: bool
) -> None:
    assert matches(pattern, name) is fits


def test_a_pattern_takes_no_long_time() -> None:
    began = time.perf_counter()
    for _ in range(1000):
        assert not matches("a*a*a*a*a*a*a*b", "a" * 1024)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("orders.csv", "csv"),
        ("orders.CSV.gz", "csv"),
        ("orders.tsv", "csv"),
        ("a/orders-*.jsonl.zst", "ndjson"),
        ("orders.parquet", "parquet"),
        ("orders.json", "ndjson"),
        ("orders", None),
        ("orders-*", None),
        ("orders.gz", None),
    ],
)
def test_the_name_says_the_format(name: str, kind: str | None) -> None:
    assert format_of(name) == kind


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("orders.csv", "must be s3://bucket/file"),
        ("http://example.com/a.csv", "must be s3://bucket/file"),
        ("file:///etc/passwd", "must be s3://bucket/file"),
        ("s3://bucket", "must name a file"),
        ("s3://bucket/folder/", "must name a file"),
        ("s3://Bucket/a.csv", "is not the name of a bucket"),
        ("s3://b@evil.example/a.csv", "must not contain a key"),
        ("s3://bucket/" + "a" * 1025, "more than 1024 bytes"),
        ("s3://bucket/" + "*" * 9, "more than 8 stars"),
        ("https://u:p@example.com/a.csv", "must not contain a password"),
        ("https://example.com/a-*.csv", "does not list its files"),
        ("https://example.com/a.csv#x", "fragment"),
        ("https:///a.csv", "must name a host"),
        ("https://0177.0.0.1/a.csv", "cannot be read as a URL"),
        ("s3://bucket/a\nb.csv", "control characters"),
    ],
)
def test_an_address_that_cannot_be_used_names_the_way_out(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_address(url)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "s3://bucket/a.csv"}, "set accessKeyId and secretAccessKey, or roleArn"),
        ({"url": "s3://bucket/a.csv", "access_key_id": "AKIAX"}, "must be set together"),
        ({"url": "gs://bucket/a.csv"}, "set serviceAccountJson"),
        ({"url": "s3://bucket/a", **KEY}, "format is required"),
        ({"url": "s3://bucket/a.parquet", **KEY, "delimiter": ";"}, "delimiter is for CSV files"),
        (
            {"url": "s3://bucket/a.parquet", **KEY, "charset": "ibm850"},
            "charset is for files of text",
        ),
        ({"url": "s3://bucket/a.csv", **KEY, "delimiter": "xx"}, "must be comma, semicolon"),
        ({"url": "s3://bucket/a.csv", **KEY, "charset": "utf-9"}, "the charset utf-9 is not read"),
        ({"url": "https://example.com/a.csv", **KEY}, "accessKeyId is for s3:// only"),
        (
            {"url": "s3://bucket/a.csv", **KEY, "authorization": "x"},
            "authorization is for https://",
        ),
        ({"url": "https://example.com/a.csv", "authorization": "a\r\nb: c"}, "ASCII without line"),
        ({"url": "s3://bucket/a.csv", **KEY, "endpoint_url": "ftp://x"}, "String should match"),
        ({"url": "s3://bucket/a.csv", **KEY, "max_age_hours": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        ObjectSource.model_validate(fields)
    assert "s3cret" not in str(refused.value)


def test_stored_settings_are_read_again_and_show_no_parameter() -> None:
    url = "https://example.com/a.csv?sig=abcdefgh&exp=1"
    made = ObjectSource.model_validate({"url": url, "authorization": "Bearer top-secret"})
    again = ObjectSource.from_stored(made.plain())
    assert again == made
    assert again.shown_url == "https://example.com/a.csv?sig=<hidden>&exp=<hidden>"
    assert set(again.secrets) >= {"Bearer top-secret", "abcdefgh"}
    assert "top-secret" not in repr(again)


def test_a_parameter_without_a_name_is_a_secret_as_a_whole() -> None:
    made = ObjectSource.model_validate({"url": "https://example.com/a.csv?k%3D1&sig=a%2Bb"})
    assert made.shown_url == "https://example.com/a.csv?<hidden>&sig=<hidden>"
    assert set(made.secrets) == {"k%3D1", "k=1", "a%2Bb", "a+b"}
