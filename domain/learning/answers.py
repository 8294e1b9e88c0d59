"""When two texts or two numbers are the same answer, however they were typed; pure."""

import re
import unicodedata
from fractions import Fraction

import msgspec

Answer = str | bool | list[str] | dict[str, str]
"""What a learner gives, by the kind of the question: `docs/stories/quiz-attempt.md`, "Questions"."""

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
"""Soft hyphen, zero-width space, joiners, word joiner, byte order mark: how a keyboard makes a shape, not a letter."""

_PLAIN = re.compile(r"([+-]?)([0-9]{1,40})(?:\.([0-9]{1,40}))?", re.ASCII)
_GROUPED = re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{2,3}){0,12},[0-9]{3})(?:\.([0-9]{1,40}))?", re.ASCII)
_SIGNS = str.maketrans({"\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\uff0b": "+", "\uff0e": ".", "\uff0c": ","})


def same_text(one: str, other: str) -> bool:
    """Whether both are the same answer to a question for a short text."""
    return normalised(one) == normalised(other)


def normalised(text: str) -> str:
    """The form in which texts are compared: canonical caseless matching (Unicode 3.13, D145), in NFC, with ASCII
    digits, without invisible characters, spaces collapsed."""
    decomposed = unicodedata.normalize("NFD", text.translate(_INVISIBLE))
    return " ".join(unicodedata.normalize("NFC", ascii_digits(decomposed.casefold())).split())


def ascii_digits(text: str) -> str:
    """Decimal digits of every script (Unicode category Nd) as 0 to 9: `४२`, `௪௨` and `42` are one."""
    return "".join(
        letter if letter.isascii() or not letter.isdecimal() else str(unicodedata.decimal(letter)) for letter in text
    )


def number_of(text: str) -> Fraction | None:
    """The number that somebody typed, exactly; `None` when it is none.

    A comma groups digits, in the Indian or the Western way, and never begins decimals. No exponents: `1e999999999`
    would be a number that fills the memory.
    """
    plain = "".join(ascii_digits(text).translate(_SIGNS).translate(_INVISIBLE).split())
    found = _PLAIN.fullmatch(plain) or _GROUPED.fullmatch(plain)
    if found is None:
        return None
    sign, whole, decimals = found.groups()
    digits = whole.replace(",", "") + (decimals or "")
    number = Fraction(int(digits), 10 ** len(decimals or ""))
    return -number if sign == "-" else number


class AnswerError(msgspec.Struct, frozen=True):
    """One answer that cannot be an answer to its question."""

    question_id: str
    message: str
