"""Normalisers: examples, and agreement of Python and SQL on any text."""

# ruff: noqa: RUF001  (full-width letters and other oddities are the subject)

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import phonenumbers
import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.absent_words import ABSENT_WORDS
from app.domain.normalise import Normaliser, normalise, normalise_sql
from app.domain.text_forms import BLANKS
from app.snapshots.engine.identifier_functions import add_identifier_functions
from tests.apart import examples

HOWS: list[Normaliser] = ["email", "phone", "text"]
REGIONS = [None, "DE", "US", "GB", "IT", "AR", "BR", "XX"]

PHONES: list[tuple[str, str | None, str | None]] = [
    ("+49 (170) 123-45.67", None, "+491701234567"),
    ("+44 (0)20 7946 0018", None, "+442079460018"),
    ("+49 (0) 30 901820", None, "+4930901820"),
    ("+49(0)30/901820", None, "+4930901820"),
    ("+43 (0)1 58858", None, "+43158858"),
    ("+39 06 6982", None, "+39066982"),
    ("+39 (0)6 6982", None, "+39066982"),
    ("+34 (0)91 123 4567", None, None),
    ("(+49) 170 1234567", None, "+491701234567"),
    ("＋４９ １７０ １２３４５６７", None, "+491701234567"),
    ("\u202a+49 170 1234567\u202c", None, "+491701234567"),
    ("+49\u00a0170\u20111234567", None, "+491701234567"),
    ("+٤٩١٧٠١٢٣٤٥٦٧", None, "+491701234567"),
    ("+1 415 555 0100", None, "+14155550100"),
    ("+1 1 415 555 0100", None, "+14155550100"),
    ("+54 9 11 2345-6789", None, "+5491123456789"),
    ("+55 11 96123-4567", None, "+5511961234567"),
    ("+7 8 912 345 67 89", None, "+79123456789"),
    ("0170 1234567", "DE", "+491701234567"),
    ("(415) 555-0100", "US", "+14155550100"),
    ("0049 170 1234567", "DE", "+491701234567"),
    ("011 44 20 7946 0018", "US", "+442079460018"),
    ("06 6982", "IT", "+39066982"),
    ("+44 20 7946 0018", "DE", "+442079460018"),
    ("0170 1234567", None, None),
    ("0049 170 1234567", None, None),
    ("491701234567", None, None),
    ("491701234567", "DE", None),  # also 0491 701234567
    ("14155550100", "US", "+14155550100"),
    ("391 234 5678", "IT", "+393912345678"),
    ("0170 1234567", "XX", None),
    ("12345", "DE", None),
    ("+1 415 555 0100 ext. 5", None, None),
    ("+1 415 555 0100x5", None, None),
    ("+1-800-FLOWERS", None, None),
    ("+49 30 90182 Max", None, None),
    ("+49 170 1234567, +49 171 1234567", None, None),
    ("+1 555 0100", None, None),
    ("+0123456789", None, None),
    ("+1234567890123456", None, None),
    ("+491701234567e3", None, None),
    ("4.91701234567E+11", "DE", None),
    ("+", "DE", None),
    ("call me", None, None),
]

EMAILS: list[tuple[str, str | None]] = [
    (" Ann@Example.COM\u00a0", "ann@example.com"),
    ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
    (".a.@docomo.ne.jp", ".a.@docomo.ne.jp"),
    ('"a..b."@docomo.ne.jp', "a..b.@docomo.ne.jp"),
    ("o'neil+x@example.co.uk", "o'neil+x@example.co.uk"),
    ("ann@müller.de", "ann@xn--mller-kva.de"),
    ("ann@XN--MLLER-KVA.de", "ann@xn--mller-kva.de"),
    ("ann@例え.jp", "ann@xn--r8jz45g.jp"),
    ("ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ann@example.com"),
    ("an\u200bn@example.com\u200e", "ann@example.com"),
    ("\ufeffann@example.com\u2028", "ann@example.com"),
    ("ann@example。com", "ann@example.com"),
    ("ann@mail.test", "ann@mail.test"),
    ("ann@dev.localhost", "ann@dev.localhost"),
    ("Jürgen@example.com", "jürgen@example.com"),
    ("Ju\u0308rgen@example.com", "jürgen@example.com"),
    ("Ann <ann@example.com>", None),
    ("<ann@example.com>", None),
    ('"ann@example.com"', None),
    ("'ann@example.com'", None),
    ("mailto:ann@example.com", None),
    ("ann@example.com,bo@example.com", None),
    ("ann@example.com; bo@example.com", None),
    ("ann@example.com bo@example.com", None),
    ("ann@example", None),
    ("ann@example..com", None),
    ("ann@.example.com", None),
    ("ann@example.com.", None),
    ("ann@-example.com", None),
    ("ann@ab--c.com", None),
    ("ann@192.168.0.1", None),
    ("ann@[192.168.0.1]", None),
    ("ann@example.c_m", None),
    ("a@b@example.com", None),
    ("@example.com", None),
    ("ann", None),
    ("ann @example.com", None),
    ("ann@exa mple.com", None),
    ("ann\x00@example.com", None),
    ("İ@example.com", "i\u0307@example.com"),
    ("a" * 65 + "@example.com", None),
    ("ann@" + "a" * 64 + ".com", None),
    ("", None),
    *[(word, None) for word in (*sorted(ABSENT_WORDS), "-", "nan", "none")],
]

IDS: list[tuple[str, str | None]] = [
    (" A b ", "A b"),
    ("\u200bA\u2060", "A"),
    (" \t", None),
    *[(word.upper(), None) for word in sorted(ABSENT_WORDS)],
    ("\\N ", None),
    ("Null", None),
    ("Nullmann", "Nullmann"),
    ("-", "-"),
    ("nan", "nan"),
    ("none", "none"),
    ("0", "0"),
    ("A b", "A b"),
]

_GIVEN = [row[0] for row in PHONES] + [row[0] for row in EMAILS] + [row[0] for row in IDS]
_ODDITIES = [value for value in _GIVEN if "\0" not in value]
TRICKY = (
    st.text(
        st.sampled_from("aZ@.+0123456789-()[]/ İΣÄßéＡ４＠\u00a0\u200b'\"\\%")
        | st.sampled_from(BLANKS)
        | st.characters(codec="utf-8", exclude_characters="\0"),
        max_size=25,
    )
    | st.from_regex(r"\+?[1-9][0-9]{5,14}", fullmatch=True)
    | st.from_regex(r"[A-Za-z.+'-]{1,6}@([A-Za-z0-9-]{1,4}\.){1,2}[A-Za-z0-9]{1,3}", fullmatch=True)
    | st.builds(lambda pieces: "".join(pieces), st.lists(st.sampled_from(_ODDITIES), max_size=2))
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        add_identifier_functions(opened)
        yield opened


@pytest.mark.parametrize(("value", "region", "expected"), PHONES)
def test_phones(value: str, region: str | None, expected: str | None) -> None:
    assert normalise(value, "phone", region) == expected


@pytest.mark.parametrize(("value", "expected"), EMAILS)
def test_emails(value: str, expected: str | None) -> None:
    assert normalise(value, "email") == expected


@pytest.mark.parametrize(("value", "expected"), IDS)
def test_ids(value: str, expected: str | None) -> None:
    assert normalise(value, "text") == expected


def test_no_value_is_no_identifier(connection: duckdb.DuckDBPyConnection) -> None:
    for how in HOWS:
        assert normalise(None, how) is None
        query = f"SELECT {normalise_sql('v', how)} FROM (SELECT CAST(NULL AS VARCHAR) AS v)"
        assert connection.execute(query).fetchall() == [(None,)]


def test_sql_agrees_on_the_oddities(connection: duckdb.DuckDBPyConnection) -> None:
    for region in REGIONS:
        _agree(connection, [*_ODDITIES, *(" " + value for value in _ODDITIES)], region)


# A query costs about the same for one value as for 50.
@pytest.mark.more_in_walks
@given(values=st.lists(TRICKY, min_size=25, max_size=50), region=st.sampled_from(REGIONS))
@settings(max_examples=examples(6, 20), deadline=None)
def test_sql_agrees(
    connection: duckdb.DuckDBPyConnection, values: list[str], region: str | None
) -> None:
    _agree(connection, values, region)


def test_sql_agrees_on_each_calling_code(connection: duckdb.DuckDBPyConnection) -> None:
    """A number that SQL takes as it is, is a number that the library would not change."""
    values = [
        f"+{code}{first}{('23456789' * 2)[: length - len(first)]}"
        for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        for first in ("0", "1", "2", "5", "7", "8", "9", "00", "06", "80", "90", "180020")
        for length in range(6, 13)
    ]
    _agree(connection, values, None)


def _agree(connection: duckdb.DuckDBPyConnection, values: list[str], region: str | None) -> None:
    country = "NULL" if region is None else f"'{region}'"
    shown = ", ".join(normalise_sql("v", how, country) for how in HOWS)
    rows = connection.execute(f"SELECT {shown} FROM unnest($v) AS t(v)", {"v": values}).fetchall()
    assert rows == [tuple(normalise(value, how, region) for how in HOWS) for value in values]


@given(value=TRICKY, how=st.sampled_from(HOWS), region=st.sampled_from(REGIONS))
@settings(deadline=None)
def test_a_second_time_changes_nothing(value: str, how: Normaliser, region: str | None) -> None:
    once = normalise(value, how, region)
    assert normalise(once, how, region) == once
    assert normalise(once, how) == once


@given(value=TRICKY, region=st.sampled_from(REGIONS))
@settings(deadline=None)
def test_the_result_is_valid_for_the_library(value: str, region: str | None) -> None:
    phone = normalise(value, "phone", region)
    if phone is not None:
        number = phonenumbers.parse(phone)
        assert phonenumbers.is_possible_number(number)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == phone
    email = normalise(value, "email")
    if email is not None:
        local, _, domain = email.rpartition("@")
        atoms = "".join(local.split(".")) or "dots"
        assert (
            validate_email(f"{atoms}@{domain}", check_deliverability=False).ascii_domain == domain
        )


#: Values of public reports: how, value, region, result, source.
REPORTED: list[tuple[Normaliser, str, str | None, str | None, str]] = [
    ("email", "John Doe <john@example.com>", None, None, "JoshData/python-email-validator#116"),
    ("email", "'Foo Bar, Esq'<foo@bar.com>", None, None, "validatorjs/validator.js#629"),
    ("email", "some-service.com <a@example.com>", None, None, "validatorjs/validator.js#1649"),
    ("email", "flower🌹<flower@flower.com>", None, None, "validatorjs/validator.js#976"),
    ("email", '"John, Doe" <john@acme.local>', None, None, "frappe/helpdesk#2302"),
    ("email", "Name foo@gmail.com", None, None, "micke/valid_email2#238"),
    ("email", "a@b.com ", None, "a@b.com", "langfuse/langfuse#16633"),
    ("email", "\u200bfoo@bar.com", None, "foo@bar.com", "alphagov/notifications-admin#2037"),
    ("email", "foo@b\u200bar.com", None, "foo@bar.com", "alphagov/notifications-utils#548"),
    ("phone", "+6475052806", "CA", "+6475052806", "daviddrysdale/python-phonenumbers#261"),
    ("phone", "6475052806", "CA", "+16475052806", "daviddrysdale/python-phonenumbers#261"),
    ("phone", "+353ks.123456789", None, None, "daviddrysdale/python-phonenumbers#291"),
    ("phone", "491845269411", "DE", None, "daviddrysdale/python-phonenumbers#238"),
    ("phone", "30004000", "AU", None, "daviddrysdale/python-phonenumbers#9"),
    ("phone", "+1 61447442511", "US", None, "daviddrysdale/python-phonenumbers#91"),
    ("phone", "00113476208000", "NL", "+13476208000", "twcclegg/libphonenumber-csharp#211"),
    ("phone", "15167706076", "US", "+15167706076", "ttacon/libphonenumber#19"),
    ("phone", "0685123456", "FR", "+33685123456", "daddyz/phonelib#218"),
    (
        "phone",
        "3912345678",
        "IT",
        "+393912345678",
        "a mobile number whose first digits are the country's code",
    ),
]


@pytest.mark.parametrize(("how", "value", "region", "result", "source"), REPORTED)
def test_values_of_public_reports(
    how: Normaliser, value: str, region: str | None, result: str | None, source: str
) -> None:
    assert normalise(value, how, region) == result, source
