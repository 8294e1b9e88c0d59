"""Access tokens: JWTs signed with HS256, by the first of the keys and verified by any (settings.jwt_keys)."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import jwt
import msgspec

from domain.errors import AcademyError
from domain.identity.roles import Role
from domain.identity.signing_keys import signing_keys

ALGORITHM = "HS256"
"""The only one accepted: what a token says about its algorithm is not believed (RFC 8725 §3.1)."""
AUDIENCE = "academy-api"
ACCESS_TOKEN_LIFE = timedelta(minutes=15)
REMEMBERED_TOKENS = 4096
"""Those last used; each takes about a kilobyte."""


class TokenRefusedError(AcademyError):
    """The token is expired, forged, or not one of ours."""


class AccessClaims(msgspec.Struct, frozen=True):
    """What a token says, once its signature has been checked."""

    sub: str
    """The user."""
    sid: str
    """The session: tokens die with it."""
    exp: int
    """Seconds since the epoch."""


class AccessTokens:
    """Issues and checks access tokens with `keys` (id → secret); the first one signs."""

    def __init__(self, keys: dict[str, str], issuer: str) -> None:
        self._keys = keys
        self._current = next(iter(keys))
        self._issuer = issuer
        # A signature once found good stays good; PyJWT needs longer for it than the rest of a small request.
        self._claims_of = lru_cache(REMEMBERED_TOKENS)(self._read)

    @classmethod
    def from_setting(cls, setting: str, issuer: str) -> "AccessTokens":
        """`settings.jwt_keys`. Raises `SigningKeyError`."""
        return cls(signing_keys(setting), issuer)

    def issue(self, user_id: str, session_id: str, roles: list[Role], *, life: timedelta = ACCESS_TOKEN_LIFE) -> str:
        """A token of this session. `roles` are for other readers: we look them up, so that a change acts at once."""
        now = datetime.now(UTC)
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "roles": roles,
            "iat": now,
            "exp": now + life,
        }
        return jwt.encode(claims, self._keys[self._current], algorithm=ALGORITHM, headers={"kid": self._current})

    def verify(self, token: str) -> AccessClaims:
        """The claims of a living token of ours. Raises `TokenRefusedError`, without saying which check failed."""
        claims = self._claims_of(token)
        if claims.exp <= time.time():
            raise TokenRefusedError
        return claims

    def _read(self, token: str) -> AccessClaims:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": ["exp", "iat", "aud", "iss", "sub", "sid"]},
            )
            return msgspec.convert(claims, AccessClaims)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, msgspec.ValidationError):
            raise TokenRefusedError from None
