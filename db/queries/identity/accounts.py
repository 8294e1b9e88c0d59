"""People who sign in, their sessions and refresh tokens. Each change is one statement, hence atomic."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from db.sql import as_json, fetch, fetch_as, fetch_one
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.identity.roles import Role


class Credentials(msgspec.Struct, frozen=True):
    """What a login is checked against."""

    id: str
    password_hash: str | None
    """`None` for an account of another issuer."""
    password_changed_at: datetime | None
    roles: list[Role]
    disabled: bool


class Profile(msgspec.Struct, frozen=True):
    """A person as they see themselves."""

    id: str
    email: str
    name: str
    roles: list[Role]
    locale: str
    time_zone: str
    created_at: datetime
    email_verified_at: datetime | None


class Session(msgspec.Struct, frozen=True):
    """A session and the user it belongs to."""

    id: str
    user_id: str
    roles: list[Role]


PROFILE = "id, email, name, roles, locale, time_zone, created_at, email_verified_at"


async def add_user(*, email: str, password_hash: str, name: str, role: Role, locale: str, time_zone: str) -> Profile:
    """Insert a person who may be reached by e-mail. Raises `BusinessRefusalError("email_taken")`."""
    try:
        [profile] = await fetch_as(
            Profile,
            f"""INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{{}}') RETURNING {PROFILE}""",  # noqa: S608
            *(new_id(), email, password_hash, name, [role], locale, time_zone, as_json({"email": True})),
        )
    except asyncpg.UniqueViolationError:
        raise BusinessRefusalError("email_taken") from None
    return profile


async def credentials_of(email: str) -> Credentials | None:
    """By the normalised e-mail."""
    found = await fetch_as(
        Credentials,
        """SELECT id, password_hash, password_changed_at, roles, disabled_at IS NOT NULL AS disabled
           FROM users WHERE email = $1""",
        email,
    )
    return found[0] if found else None


async def store_password_hash(user_id: str, old: str, new: str) -> None:
    """Replace a hash by one with newer parameters, unless the password was changed meanwhile."""
    await fetch(
        "UPDATE users SET password_hash = $3, updated_at = now() WHERE id = $1 AND password_hash = $2",
        *(user_id, old, new),
    )


async def profile_of(user_id: str) -> Profile | None:
    """The person with this id."""
    found = await fetch_as(Profile, f"SELECT {PROFILE} FROM users WHERE id = $1", user_id)  # noqa: S608
    return found[0] if found else None


async def living_sessions(asked: Sequence[tuple[str, str]]) -> list[list[Role] | None]:
    """For each (session, user) the roles of the user; `None` when the session is revoked or expired, or the account
    is disabled.

    Two reads by primary key each: every request with a login is in such a query.
    """
    roles: list[list[Role] | None] = [None] * len(asked)
    sessions, users = zip(*asked, strict=True)
    for row in await fetch(
        """SELECT given.n, u.roles FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (session_id, user_id, n)
           JOIN auth_sessions s ON s.id = given.session_id JOIN users u ON u.id = s.user_id
           WHERE s.user_id = given.user_id AND s.revoked_at IS NULL AND s.expires_at > now()
             AND u.disabled_at IS NULL""",
        *(sessions, users),
    ):
        roles[row["n"] - 1] = [Role(role) for role in row["roles"]]
    return roles


async def open_session(
    user_id: str,
    token_hash: str,
    expires_at: datetime,
    *,
    device: str | None = None,
    password_changed_at: datetime | None = None,
) -> str:
    """A new session with its first refresh token; its id.

    Raises `BusinessRefusalError("credentials_refused")` when the password that was checked is no longer the user's, by
    its `password_changed_at`, or the account was disabled. Whoever changes the password locks the same row first and
    ends the sessions after, so that no session of the old one is left.
    """
    session_id = new_id()
    opened = await fetch(
        """WITH owner AS (
             SELECT id FROM users
             WHERE id = $2 AND disabled_at IS NULL AND password_changed_at IS NOT DISTINCT FROM $7 FOR SHARE
           ), opened AS (
             INSERT INTO auth_sessions (id, user_id, expires_at, device) SELECT $1, id, $3, $6 FROM owner RETURNING id
           )
           INSERT INTO refresh_tokens (id, session_id, token_hash) SELECT $4, id, $5 FROM opened RETURNING id""",
        *(session_id, user_id, expires_at, new_id(), token_hash, device, password_changed_at),
    )
    if not opened:
        raise BusinessRefusalError("credentials_refused")
    return session_id


async def rotate_refresh_token(old_hash: str, new_hash: str, expires_at: datetime) -> Session | None:
    """Use one refresh token and issue the next; `None` when it is unknown, used, or its session is dead.

    Of two callers at once the second waits for the first's row lock, sees `used_at` and gets `None`.
    """
    found = await fetch_as(
        Session,
        """WITH used AS (
             UPDATE refresh_tokens t SET used_at = now() FROM auth_sessions s, users u
             WHERE t.token_hash = $1 AND t.used_at IS NULL AND s.id = t.session_id AND u.id = s.user_id
               AND s.revoked_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL
             RETURNING s.id, s.user_id, u.roles
           ), prolonged AS (
             UPDATE auth_sessions s SET expires_at = $4, last_used_at = now() FROM used WHERE s.id = used.id
           ), issued AS (
             INSERT INTO refresh_tokens (id, session_id, token_hash) SELECT $2, id, $3 FROM used
           )
           SELECT id, user_id, roles FROM used""",
        *(old_hash, new_id(), new_hash, expires_at),
    )
    return found[0] if found else None


async def revoke_family_of_used_token(token_hash: str) -> bool:
    """If this token was used before, end its session and write that to the audit trail; whether it did.

    RFC 9700 §4.14.2: who holds a used token may be a thief or a victim, and we cannot tell.
    """
    row = await fetch_one(
        """WITH revoked AS (
             UPDATE auth_sessions s SET revoked_at = now(), revoked_reason = 'refresh_token_reused'
             FROM refresh_tokens t
             WHERE t.token_hash = $1 AND t.used_at IS NOT NULL AND s.id = t.session_id AND s.revoked_at IS NULL
             RETURNING s.id, s.user_id
           )
           INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)
           SELECT $2, 'session.revoked', user_id, 'session', id, '{"reason": "refresh_token_reused"}' FROM revoked
           RETURNING id""",
        *(token_hash, new_id()),
    )
    return row is not None


async def close_session(session_id: str) -> None:
    """End a session by its owner's wish; harmless when it has ended."""
    await fetch(
        """UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'logout'
           WHERE id = $1 AND revoked_at IS NULL""",
        session_id,
    )
