"""Dates, amounts and durations in the reader's language; pure."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.billing.money import minor_digits
from domain.identity.accounts import DEFAULT_TIME_ZONE

LANGUAGES = ("en", "hi")
"""What the templates are written in, the fallback first."""

MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "hi": ["जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"],
}
SIGNS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
"""A currency without one is shown by its code."""

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f\u2028\u2029]+")


def language_of(locale: str) -> str:
    """The language of the templates for a BCP 47 tag: `hi-IN` → `hi`; English for what we do not speak."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else LANGUAGES[0]


def one_line(text: str) -> str:
    """The text without line ends and control characters: fit for a subject, a header or a line of plain text."""
    return _BREAKS.sub(" ", text).strip()


def local_day(moment: datetime, time_zone: str) -> date:
    """The day on the reader's calendar; an unknown time zone is read as the default one."""
    return moment.astimezone(_zone(time_zone)).date()


def day(value: date, language: str) -> str:
    """`22 November 2026`, `22 नवंबर 2026` (the long form of CLDR, en-IN and hi)."""
    return f"{value.day} {MONTHS[language][value.month - 1]} {value.year}"


def moment(value: datetime, time_zone: str, language: str) -> str:
    """`22 November 2026, 14:05 (Asia/Kolkata)`: with the zone, since its reader compares it with what they did."""
    zone = _zone(time_zone)
    local = value.astimezone(zone)
    return f"{day(local.date(), language)}, {local:%H:%M} ({zone.key})"


def money(amount: Decimal, currency: str) -> str:
    """`₹1,23,456.00`, `$1,234.50`, `AED 99.00`; rupees are grouped the Indian way."""
    text = f"{amount:,.{minor_digits(currency)}f}"
    if currency == "INR":
        text = _indian_groups(text.replace(",", ""))
    sign = SIGNS.get(currency)
    return f"{sign}{text}" if sign else f"{currency}\N{NO-BREAK SPACE}{text}"


def duration(minutes: int, language: str) -> str:
    """`45 min`, `2 h`, `2 h 5 min`; `45 मिनट`, `2 घंटे`, `1 घंटा 5 मिनट`."""
    hours, rest = divmod(minutes, 60)
    if language == "hi":
        words = [f"{hours} {'घंटा' if hours == 1 else 'घंटे'}", f"{rest} मिनट"]
    else:
        words = [f"{hours} h", f"{rest} min"]
    shown = [word for number, word in zip((hours, rest), words, strict=True) if number]
    return " ".join(shown or words[1:]).replace(" ", "\N{NO-BREAK SPACE}")


def _indian_groups(plain: str) -> str:
    whole, point, decimals = plain.partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = re.sub(r"(?<=\d)(?=(?:\d\d)+$)", ",", head)
    return f"{pairs},{tail}{point}{decimals}" if head else plain


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(DEFAULT_TIME_ZONE)
