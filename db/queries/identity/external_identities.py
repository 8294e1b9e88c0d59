"""Users as the adopter's own login knows them. Each change is one statement with its line in the audit trail."""

from datetime import datetime

import asyncpg
import msgspec

from db.sql import as_json, fetch, fetch_as, fetch_one
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.identity.external_login import ExternalLogin
from domain.identity.roles import Role

LINKED_BY_THEMSELVES = (Role.STUDENT, Role.PATIENT)
"""An account with any other role is not linked by an address alone."""


class ExternalUser(msgspec.Struct, frozen=True):
    """A user found by issuer and subject."""

    id: str
    identity_id: str
    roles: list[Role]
    is_disabled: bool
    roles_as_of: datetime
    """When the newest token seen was issued."""


async def user_of_identity(issuer: str, subject: str) -> ExternalUser | None:
    """Two reads by unique keys: every request with such a login makes this query."""
    found = await fetch_as(
        ExternalUser,
        """SELECT u.id, e.id AS identity_id, u.roles, u.disabled_at IS NOT NULL AS is_disabled, e.roles_as_of
           FROM external_identities e JOIN users u ON u.id = e.user_id
           WHERE e.issuer = $1 AND e.subject = $2 AND e.unlinked_at IS NULL""",
        *(issuer, subject),
    )
    return found[0] if found else None


async def add_external_user(login: ExternalLogin, *, email: str, name: str, locale: str, time_zone: str) -> None:
    """A user without a password, known by this login. Raises `BusinessRefusalError("email_taken")`, also when this
    login is known already."""
    try:
        await fetch(
            """WITH person AS (
                 INSERT INTO users (id, email, name, roles, locale, time_zone, contact_channels, consents,
                                    email_verified_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, '{}', CASE WHEN $8 THEN now() END) RETURNING id
               ), identity AS (
                 INSERT INTO external_identities (id, user_id, issuer, subject, roles_as_of)
                 SELECT $9, id, $10, $11, $12 FROM person RETURNING id, user_id
               )
               INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)
               SELECT $13, 'login.first_seen', user_id, 'user', user_id, jsonb_build_object('identity', id)
               FROM identity""",
            *(new_id(), email, name, list(login.roles), locale, time_zone, as_json({"email": True})),
            *(login.email_verified, new_id(), login.issuer, login.subject, login.issued_at, new_id()),
        )
    except asyncpg.UniqueViolationError:
        raise BusinessRefusalError("email_taken") from None


async def link_identity(login: ExternalLogin, email: str) -> bool:
    """Let this login open the learner's account of a verified address; whether it does from now on.

    Its roles begin to follow the claim with the next `follow_claim`, hence the epoch.
    """
    row = await fetch_one(
        """WITH owner AS (
             SELECT id FROM users
             WHERE email = $1 AND email_verified_at IS NOT NULL AND disabled_at IS NULL AND roles <@ $2::text[]
             FOR UPDATE
           ), linked AS (
             INSERT INTO external_identities (id, user_id, issuer, subject, roles_as_of)
             SELECT $3, id, $4, $5, 'epoch' FROM owner ON CONFLICT DO NOTHING RETURNING id, user_id
           )
           INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)
           SELECT $6, 'login.linked', user_id, 'user', user_id, jsonb_build_object('identity', id) FROM linked
           RETURNING id""",
        *(email, list(LINKED_BY_THEMSELVES), new_id(), login.issuer, login.subject, new_id()),
    )
    return row is not None


async def follow_claim(user: ExternalUser, roles: list[Role], issued_at: datetime) -> list[Role]:
    """Take over the roles of a newer token; the user's roles afterwards, which are those of the newest token seen."""
    await fetch(
        """WITH newer AS (
             UPDATE external_identities SET roles_as_of = $2 WHERE id = $1 AND roles_as_of < $2 RETURNING user_id
           ), changed AS (
             UPDATE users u SET roles = $3, updated_at = now() FROM newer WHERE u.id = newer.user_id AND u.roles <> $3
             RETURNING u.id
           )
           INSERT INTO audit_events (id, action, actor_id, subject_type, subject_id, details)
           SELECT $4, 'user.roles_changed', NULL, 'user', id, jsonb_build_object('roles', $3::text[], 'by', 'login')
           FROM changed""",
        *(user.identity_id, issued_at, roles, new_id()),
    )
    row = await fetch_one("SELECT roles FROM users WHERE id = $1", user.id)
    return [Role(role) for role in row["roles"]] if row else []
