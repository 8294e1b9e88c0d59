"""Signed addresses of files for a storage that has none of its own: what they allow, until when; pure.

They play the part that presigned URLs play on S3, so that clients do the same in both.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

import msgspec

LABEL = b"academy: addresses of files, 1"
LONGEST_TOKEN = 600


class FileGrant(msgspec.Struct, frozen=True, array_like=True):
    """One method on one key, until a moment."""

    method: str
    """`PUT` or `GET`."""
    key: str
    until: int
    """Unix seconds; it is over then."""
    most_bytes: int = 0
    """Of a `PUT`."""


class FileTokens:
    """Makes and reads the tokens. The first of the keys makes them, any of them is accepted."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets` are those of the logins' signing keys, the newest first."""
        self._keys = [hmac.digest(secret.encode(), LABEL, hashlib.sha256) for secret in secrets]

    def issue(self, grant: FileGrant) -> str:
        """The token of a grant."""
        body = _text(msgspec.json.encode(grant))
        return f"{body}.{_mac(self._keys[0], body)}"

    def read(self, token: str, method: str, now: datetime) -> FileGrant | None:
        """The grant, when the token is ours, for this method, and not over."""
        body, _, mac = token.partition(".")
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        if not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys):
            return None
        grant = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=FileGrant)
        return grant if grant.method == method and now.timestamp() < grant.until else None


def _mac(key: bytes, body: str) -> str:
    return _text(hmac.digest(key, body.encode(), hashlib.sha256))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
