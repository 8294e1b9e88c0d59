"""Signing in and staying signed in: what the routes of identity and the codec's login page share."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar.connection import ASGIConnection

from api.http.problems import ProblemError
from api.http.schemas import FieldError
from api.identity.passwords import hash_password, is_outdated, password_fits
from api.identity.schemas import RegisterBody, TokenPair
from api.identity.throttle import LoginThrottle
from api.identity.tokens import ACCESS_TOKEN_LIFE, AccessTokens
from db.queries.identity.accounts import (
    Credentials,
    Profile,
    Session,
    add_user,
    credentials_of,
    open_session,
    revoke_family_of_used_token,
    rotate_refresh_token,
    store_password_hash,
)
from db.queries.identity.email_links import queue_first_verification
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identity.accounts import (
    DEFAULT_LOCALE,
    DEFAULT_TIME_ZONE,
    NAME_LONGEST,
    PASSWORD_LONGEST,
    ROLE_OF_NEW_USERS,
    normalized_email,
    normalized_name,
    password_problem,
)
from domain.identity.devices import device_of

REFRESH_TOKEN_LIFE = timedelta(days=30)
"""From its issue; each rotation prolongs the session by as much."""
REFRESH_TOKEN_BYTES = 32


class Sessions:
    """Opens, prolongs and ends sessions; tries are counted by `throttle`."""

    def __init__(self, tokens: AccessTokens, throttle: LoginThrottle) -> None:
        self._tokens = tokens
        self._throttle = throttle

    async def register(self, body: RegisterBody, address: str) -> tuple[Profile, str]:
        """Make an account, and queue the mail that verifies its address; the account and the mail's id.

        Raises `ProblemError` (`validation_failed`, `too_many_requests`) and `BusinessRefusalError("email_taken")`.
        """
        email, name = _checked(body)
        # Counted like a login: that an address is taken can be asked as rarely as a password can be guessed.
        await self._throttle.enter(email, address)
        password_hash = await hash_password(body.password)

        async def add() -> tuple[Profile, str]:
            profile = await add_user(
                email=email,
                password_hash=password_hash,
                name=name,
                role=ROLE_OF_NEW_USERS,
                locale=DEFAULT_LOCALE,
                time_zone=DEFAULT_TIME_ZONE,
            )
            return profile, await queue_first_verification(profile.id)

        added = await in_transaction(add)
        await self._throttle.succeeded(email, address)
        return added

    async def log_in(self, email: str, password: str, address: str, user_agent: str) -> tuple[Session, TokenPair]:
        """Open a session. Raises `ProblemError("too_many_requests")` and `BusinessRefusalError`
        (`credentials_refused`, `account_disabled`)."""
        known_as = normalized_email(email) or ""
        await self._throttle.enter(known_as or email, address)
        credentials = await self._checked_credentials(known_as, password)
        await self._throttle.succeeded(known_as, address)
        refresh_token = secrets.token_urlsafe(REFRESH_TOKEN_BYTES)
        session_id = await open_session(
            credentials.id,
            _hash_of(refresh_token),
            _refresh_end(),
            device=device_of(user_agent),
            password_changed_at=credentials.password_changed_at,
        )
        session = Session(session_id, credentials.id, credentials.roles)
        return session, self._pair(session, refresh_token)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for the next pair; using one twice ends its session.

        Raises `BusinessRefusalError("refresh_token_refused")`.
        """
        old_hash = _hash_of(refresh_token)
        next_token = secrets.token_urlsafe(REFRESH_TOKEN_BYTES)
        session = await rotate_refresh_token(old_hash, _hash_of(next_token), _refresh_end())
        if session is None:
            await revoke_family_of_used_token(old_hash)
            raise BusinessRefusalError("refresh_token_refused")
        return self._pair(session, next_token)

    async def _checked_credentials(self, email: str, password: str) -> Credentials:
        found = await credentials_of(email)
        # What nobody can have registered is not hashed, so that a long text costs nothing.
        fits = len(password) <= PASSWORD_LONGEST and await password_fits(
            found.password_hash if found else None, password
        )
        if found is None or found.password_hash is None or not fits:
            raise BusinessRefusalError("credentials_refused")
        if found.disabled:
            raise BusinessRefusalError("account_disabled")
        if is_outdated(found.password_hash):
            await store_password_hash(found.id, found.password_hash, await hash_password(password))
        return found

    def _pair(self, session: Session, refresh_token: str) -> TokenPair:
        return TokenPair(
            access_token=self._tokens.issue(session.user_id, session.id, session.roles),
            refresh_token=refresh_token,
            expires_in=int(ACCESS_TOKEN_LIFE.total_seconds()),
        )


def user_agent_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What the caller's browser or app calls itself; empty when it does not say."""
    return connection.headers.get("user-agent", "")


def _checked(body: RegisterBody) -> tuple[str, str]:
    """E-mail and name in their stored form, or every problem of the form at once."""
    email, name = normalized_email(body.email), normalized_name(body.name)
    messages = {
        "email": None if email else "Give an address like name@example.org.",
        "password": password_problem(body.password, email or "", name or ""),
        "name": None if name else f"Give a name of at most {NAME_LONGEST} characters.",
    }
    errors = [FieldError(field=field, message=message) for field, message in messages.items() if message]
    if errors or email is None or name is None:
        raise ProblemError("validation_failed", errors=errors)
    return email, name


def _hash_of(refresh_token: str) -> str:
    """A plain hash is enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(refresh_token.encode(errors="replace")).hexdigest()


def _refresh_end() -> datetime:
    return datetime.now(UTC) + REFRESH_TOKEN_LIFE
