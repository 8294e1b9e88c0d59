"""What a leak looks like: patterns for what has a form, known values for what has none."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

TOKEN_LENGTH = 43
"""Of 32 random or signed bytes in base64url: refresh tokens, links by e-mail."""

PATTERNS = {
    # `1234@host.name` is how Temporal names a worker.
    "e-mail address": re.compile(r"(?![\d.]+@)[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?![\w-])", re.IGNORECASE),
    "phone number": re.compile(r"(?<![\w.])\+[1-9]\d{9,13}(?!\d)"),
    "GSTIN": re.compile(r"(?<!\w)\d{2}[A-Z]{5}\d{4}[A-Z][0-9A-Z]Z[0-9A-Z](?!\w)"),
    "login": re.compile(r"bearer\s+[\w.~+/-]{8}", re.IGNORECASE),
    "JWT": re.compile(r"eyJ[\w-]{8,}\.\w"),
    "token": re.compile(
        rf"(?<![\w/-])(?=[\w-]*[0-9])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{{{TOKEN_LENGTH}}}(?![\w-])", re.ASCII
    ),
    "provider's key": re.compile(r"(?<![A-Za-z0-9])(?:[sr]k_(?:test|live)_|whsec_|rzp_(?:test|live)_)\w"),
    "payment's secret": re.compile(r"_secret_[A-Za-z0-9]"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "URL with a password": re.compile(r"\w://[^/\s:@]*:[^/\s:@]+@"),
    "word about health": re.compile(
        r"(?<![a-z])(?:diagnos[ei]\w*|diabet\w+|prescri\w+|patients?|disease\w*|symptom\w*|pregnan\w+|asthma\w*|arthritis"
        r"|depress(?:ion|ive)|hypertensi\w+|insomnia|cancer|therapy|migraine|back.pain|sutika|madhumeha)(?![a-z])",
        re.IGNORECASE,
    ),
}

OF_CODE = ("frames", "route", "logger")
"""Fields that hold names of our code and of routes: the word of a room is no diagnosis."""


class Leak(NamedTuple):
    """Where something stands that must not, and what it is; never the value itself."""

    line: int
    kind: str


def leaks_in(text: str, values: Mapping[str, str]) -> Iterator[Leak]:
    """Every leak of a log. `values` are known values, each with what it is."""
    present = {value: kind for value, kind in values.items() if value in text}
    for number, line in enumerate(text.splitlines(), 1):
        prose = _without_code(line)
        for kind, pattern in PATTERNS.items():
            if pattern.search(prose if kind == "word about health" else line):
                yield Leak(number, kind)
        for value, kind in present.items():
            if value in line:
                yield Leak(number, kind)


def _without_code(line: str) -> str:
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except ValueError:
            return line
        return json.dumps({name: value for name, value in fields.items() if name not in OF_CODE}, ensure_ascii=False)
    return line
