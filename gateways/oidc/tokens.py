"""Tokens of another issuer under the keys that it publishes; no I/O.

The algorithm is the key's, never what the token says (RFC 8725 §3.1), and only RS256 and ES256 are known. A key is
found by `kid` among those published: `jku`, `x5u` and `jwk` of a token's header are not looked at.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from domain.identity.external_login import ExternalLogin, ExternalTokenRefusedError, roles_in, usable_subject
from domain.identity.roles import Role

LEEWAY = timedelta(seconds=30)
"""How far the issuer's clock may differ from ours."""
SHORTEST_RSA_BITS = 2048
"""RFC 7518 §3.3."""
ALGORITHMS = {"RSA": "RS256", "EC P-256": "ES256"}
"""By the key's kind and curve."""
REMEMBERED_TOKENS = 4096
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]


class Trust(msgspec.Struct, frozen=True):
    """Which tokens are meant for us, and what their roles mean."""

    audience: str
    role_claim: str
    roles: dict[str, Role]


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    iat: float
    exp: float
    email: str | None = None
    email_verified: bool | str = False
    """A few issuers send it as a string."""
    name: str | None = None


class IssuerKeys:
    """What an issuer had published at one moment. Tokens found good are remembered as long as these keys are in use."""

    def __init__(self, issuer: str, published: Mapping[str, Any], trust: Trust) -> None:
        """`published` is a JWKS (RFC 7517 §5); keys in it that are not for such signatures are passed over."""
        self._issuer = issuer
        self._trust = trust
        self._keys = _usable(published)
        self._login_of = lru_cache(REMEMBERED_TOKENS)(self._read)

    def has(self, key_id: str) -> bool:
        """Whether the issuer publishes a key of this id."""
        return key_id in self._keys

    def read(self, token: str, key_id: str) -> ExternalLogin:
        """What a good token says.

        Raises `ExternalTokenRefusedError`, without saying which check failed, and `BusinessRefusalError` as
        `usable_subject` does: the token is good then, and only its issuer can mend it.
        """
        login = self._login_of(token, key_id)
        if (login.expires_at + LEEWAY).timestamp() <= time.time():
            raise ExternalTokenRefusedError
        return login

    def _read(self, token: str, key_id: str) -> ExternalLogin:
        key = self._keys[key_id]
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name],
                audience=self._trust.audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
            known = msgspec.convert(claims, _Claims)
            return ExternalLogin(
                issuer=self._issuer,
                subject=usable_subject(known.sub),
                issued_at=datetime.fromtimestamp(known.iat, UTC),
                expires_at=datetime.fromtimestamp(known.exp, UTC),
                email=known.email,
                email_verified=known.email_verified in (True, "true"),
                name=known.name or "",
                roles=roles_in(claims, self._trust.role_claim, self._trust.roles),
            )
        except (jwt.PyJWTError, msgspec.ValidationError, TypeError, ValueError, OverflowError, OSError):
            # The last two: a moment that no calendar holds.
            raise ExternalTokenRefusedError from None


def key_id_and_issuer_of(token: str) -> tuple[str, str]:
    """What a token *claims*, nothing checked: to know whose it may be. Raises `ExternalTokenRefusedError`.

    Not remembered: anybody could fill our memory with tokens of their own making.
    """
    try:
        claimed = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise ExternalTokenRefusedError from None
    key_id, issuer = claimed["header"].get("kid"), claimed["payload"].get("iss")
    if not isinstance(key_id, str) or not isinstance(issuer, str):
        raise ExternalTokenRefusedError
    return key_id, issuer


def _usable(published: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    listed = published.get("keys")
    found = [_key_of(entry) for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return {key.key_id: key for key in found if key is not None and key.key_id is not None}


def _key_of(entry: dict[str, Any]) -> jwt.PyJWK | None:
    algorithm = ALGORITHMS.get(f"{entry.get('kty')} {entry.get('crv', '')}".strip())
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(entry, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    too_short = isinstance(key.key, RSAPublicKey) and key.key.key_size < SHORTEST_RSA_BITS
    return None if too_short or not isinstance(entry.get("kid"), str) else key
