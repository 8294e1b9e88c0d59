"""Amounts, durations, days and languages as people write them."""

from decimal import Decimal

import pytest

from gateways.messaging.wording import duration, language_of, local_day, money
from tests.unit.messaging.mails import EVENING


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0.50", "INR", "₹0.50"),
        ("999", "INR", "₹999.00"),
        ("2999.00", "INR", "₹2,999.00"),
        ("123456.00", "INR", "₹1,23,456.00"),
        ("123456789.10", "INR", "₹12,34,56,789.10"),
        ("1234567.5", "USD", "$1,234,567.50"),
        ("1500", "JPY", "¥1,500"),
        ("99", "AED", "AED\N{NO-BREAK SPACE}99.00"),
    ],
)
def test_amounts_are_written_as_people_of_the_currency_do(amount: str, currency: str, shown: str) -> None:
    assert money(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("minutes", "language", "shown"),
    [
        (45, "en", "45 min"),
        (60, "en", "1 h"),
        (125, "en", "2 h 5 min"),
        (61, "hi", "1 घंटा 1 मिनट"),
        (120, "hi", "2 घंटे"),
    ],
)
def test_durations(minutes: int, language: str, shown: str) -> None:
    assert duration(minutes, language).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize("zone", ["", "Nowhere/Nothing", "../../etc/passwd", "Asia", "x" * 500, "Asia/Kolkata"])
def test_an_unknown_time_zone_is_read_as_the_default_one(zone: str) -> None:
    assert local_day(EVENING, zone).day == 23
    assert local_day(EVENING, "America/New_York").day == 22


@pytest.mark.parametrize(
    ("locale", "language"), [("hi", "hi"), ("hi_IN", "hi"), ("HI-Deva", "hi"), ("", "en"), ("xx", "en")]
)
def test_languages(locale: str, language: str) -> None:
    assert language_of(locale) == language
