"""One-click unsubscribe links (RFC 8058): they carry whom and what they mean, signed, and never expire; pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Self

from domain.identity.signing_keys import signing_keys
from domain.messaging.telling import Category

LABEL = b"academy: unsubscribe, 1"
LONGEST_TOKEN = 200
OPTIONAL = (Category.REMINDER, Category.MARKETING)
"""What one can unsubscribe from."""


class UnsubscribeTokens:
    """Makes and reads the tokens. The first of the keys makes them, any of them is accepted."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets` are those of signing keys, the newest first."""
        self._keys = [hmac.digest(secret.encode(), LABEL, hashlib.sha256) for secret in secrets]

    @classmethod
    def from_settings(cls, own: str, of_logins: str) -> Self:
        """By `UNSUBSCRIBE_KEYS`, where set, so that links in old mails outlive a login key that had to go, and by
        `JWT_KEYS`, which signed them before. Raises `SigningKeyError`."""
        first = signing_keys(own) if own else {}
        return cls([*first.values(), *signing_keys(of_logins).values()])

    def issue(self, user_id: str, category: Category) -> str:
        """The token for e-mail of this category, the same each time."""
        return f"{user_id}.{category}.{_mac(self._keys[0], user_id, category)}"

    def read(self, token: str) -> tuple[str, Category] | None:
        """The person and the category, when the token is ours."""
        parts = token.split(".")
        if len(token) > LONGEST_TOKEN or not token.isascii() or len(parts) != 3 or parts[1] not in OPTIONAL:
            return None
        fits = [hmac.compare_digest(parts[2], _mac(key, parts[0], parts[1])) for key in self._keys]
        return (parts[0], Category(parts[1])) if any(fits) else None


def _mac(key: bytes, user_id: str, category: str) -> str:
    mac = hmac.digest(key, f"{category}:{user_id}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")
