"""Rules about e-mail addresses, names and passwords; pure."""

import re
import unicodedata

from domain.identity.roles import Role

ROLE_OF_NEW_USERS = Role.STUDENT
DEFAULT_LOCALE = "en"
DEFAULT_TIME_ZONE = "Asia/Kolkata"

EMAIL_LONGEST = 254
"""RFC 5321 §4.5.3.1.3: a path of 256 with its angle brackets."""
EMAIL_LOCAL_LONGEST = 64
"""RFC 5321 §4.5.3.1.1."""
NAME_LONGEST = 200
PASSWORD_SHORTEST = 10
"""Longer than the eight characters that NIST SP 800-63B-3 §5.1.1.2 asks for at least; no rules of composition."""
PASSWORD_LONGEST = 256
"""NIST asks to accept 64 at least; the end keeps hashing cheap."""

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}", re.ASCII)

_COMMON = frozenset(
    [
        *("password", "passw0rd", "qwertyuiop", "qwerty", "1q2w3e4r5t", "iloveyou", "letmein", "welcome", "admin"),
        *("administrator", "changeme", "sunshine", "princess", "football", "cricket", "bharat", "india", "ayurveda"),
        *("namaste", "krishna", "ganesh", "jaishreeram", "abcdefghij", "asdfghjkl", "zxcvbnm", "secret", "student"),
    ]
)
"""What remains of a guessable password when its digits and signs at the end are gone."""


def normalized_email(text: str) -> str | None:
    """The address in lower case, or `None` when it is none (RFC 5321's dot-string at an ASCII domain name).

    The local part is lower-cased as well: no mail system in use tells `A@` from `a@`, and people mix them.
    """
    email = unicodedata.normalize("NFKC", text).strip().lower()
    local = email.partition("@")[0]
    too_long = len(email) > EMAIL_LONGEST or len(local) > EMAIL_LOCAL_LONGEST
    return email if _EMAIL.fullmatch(email) and not too_long else None


def normalized_name(text: str) -> str | None:
    """The name with single spaces, or `None` when it is empty, too long or holds control characters."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > NAME_LONGEST or _has_control_characters(name):
        return None
    return name


def normalized_password(text: str) -> str:
    """One form for what keyboards write differently (NIST SP 800-63B-3 §5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)


def password_problem(password: str, email: str, name: str) -> str | None:
    """Why this password cannot be taken, in words for the person; `None` when it can."""
    low = password.lower()
    word = _letters_of(low)
    refusals = {
        f"Use at least {PASSWORD_SHORTEST} characters; a few unrelated words make a good password.": (
            len(password) < PASSWORD_SHORTEST
        ),
        f"Use at most {PASSWORD_LONGEST} characters.": len(password) > PASSWORD_LONGEST,
        "Leave out control characters.": _has_control_characters(password),
        "Use more different characters.": len(set(low)) < 5,
        "This password is easily guessed; use a few unrelated words.": word in _COMMON or low.isdecimal(),
        "Do not use your name or e-mail as the password.": (
            low in (email, email.partition("@")[0]) or word == _letters_of(name.lower()) != ""
        ),
    }
    return next((words for words, applies in refusals.items() if applies), None)


def _letters_of(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text)


def _has_control_characters(text: str) -> bool:
    """Control characters and lone surrogates: what no person types and UTF-8 or PostgreSQL cannot hold."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
