"""Links sent by e-mail: what they are for, how long they work, and their tokens; pure.

A token is the id of its row and a MAC of it. It is computed when the mail is written and when it comes back, so that
neither the database nor a queue ever holds it: who reads those can follow no link.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

LABEL = b"academy: links by e-mail, 1"
"""Derives the keys of links from those of logins: what one key signs means nothing under the other."""
LONGEST_TOKEN = 200


class LinkPurpose(StrEnum):
    """What following a link does."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105


LINK_LIFE = {LinkPurpose.VERIFY_EMAIL: timedelta(days=3), LinkPurpose.RESET_PASSWORD: timedelta(minutes=30)}
"""From the request, and not from the mail."""


class LinkTokens:
    """Makes and reads the tokens of links. The first of the keys makes them, any of them is accepted."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets` are those of the logins' signing keys, the newest first."""
        self._keys = [hmac.digest(secret.encode(), LABEL, hashlib.sha256) for secret in secrets]

    def issue(self, link_id: str, purpose: LinkPurpose) -> str:
        """The token of a link, the same each time."""
        return f"{link_id}.{_mac(self._keys[0], link_id, purpose)}"

    def link_of(self, token: str, purpose: LinkPurpose) -> str | None:
        """The link's id when the token is one of ours for this purpose; whether it still works, only its row knows."""
        link_id, _, mac = token.partition(".")
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        fits = [hmac.compare_digest(mac, _mac(key, link_id, purpose)) for key in self._keys]
        return link_id if any(fits) else None


def _mac(key: bytes, link_id: str, purpose: LinkPurpose) -> str:
    mac = hmac.digest(key, f"{purpose}:{link_id}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")
