"""Logins of the adopter's own issuer, linked and unlinked by their owner's hand (docs/identity.md)."""

from datetime import datetime
from typing import Any

import msgspec

from db.queries.audit import record_audit
from db.sql import fetch, fetch_as, fetch_one
from db.transaction import in_transaction
from domain.errors import BusinessRefusalError
from domain.identifiers import new_id
from domain.identity.accounts import ROLE_OF_NEW_USERS
from domain.identity.external_login import ExternalLogin


class LinkedLogin(msgspec.Struct, frozen=True):
    """A login that opens the account."""

    id: str
    issuer: str
    linked_at: datetime


_LINKED = """
SELECT id, issuer, created_at AS linked_at FROM external_identities WHERE user_id = $1 AND unlinked_at IS NULL
"""


async def linked_logins(user_id: str) -> list[LinkedLogin]:
    """The oldest first."""
    return await fetch_as(LinkedLogin, f"{_LINKED} ORDER BY created_at, id", user_id)


async def link_by_hand(user_id: str, login: ExternalLogin) -> LinkedLogin:
    """Let this login open the account; linking the same again changes nothing.

    Raises `BusinessRefusalError`: `external_login_taken` when it opens another account, `external_login_exists` when
    another login of its issuer opens this one.
    """

    async def work() -> LinkedLogin:
        # Two links of one account at once stand in line; of two accounts that want one login, the unique key lets one.
        await fetch("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
        rows = await fetch(
            "SELECT * FROM external_identities WHERE issuer = $1 AND (subject = $2 OR user_id = $3) FOR UPDATE",
            *(login.issuer, login.subject, user_id),
        )
        for row in rows:
            if row["unlinked_at"] is None:
                return _the_same(row, user_id, login)
        # What was unlinked stands in nobody's way who proves both logins.
        await fetch("DELETE FROM external_identities WHERE id = ANY($1)", [row["id"] for row in rows])
        made = await fetch(
            "INSERT INTO external_identities (id, user_id, issuer, subject, roles_as_of)"
            " VALUES ($1, $2, $3, $4, 'epoch') ON CONFLICT DO NOTHING RETURNING id, issuer, created_at AS linked_at",
            *(new_id(), user_id, login.issuer, login.subject),
        )
        if not made:
            raise BusinessRefusalError("external_login_taken")
        linked = LinkedLogin(made[0]["id"], made[0]["issuer"], made[0]["linked_at"])
        await record_audit("login.linked", "user", user_id, actor_id=user_id, identity=linked.id, by="hand")
        return linked

    return await in_transaction(work)


def _the_same(row: Any, user_id: str, login: ExternalLogin) -> LinkedLogin:
    if row["user_id"] != user_id:
        raise BusinessRefusalError("external_login_taken")
    if row["subject"] != login.subject:
        raise BusinessRefusalError("external_login_exists")
    return LinkedLogin(row["id"], row["issuer"], row["created_at"])


async def unlink(user_id: str, identity_id: str) -> bool:
    """The login opens the account no more; whether it is one of this account's. Repeating it changes nothing.

    Roles that came by the login's claim go with it: nobody would take them back later. In the audit trail.
    """

    async def work() -> bool:
        user: Any = await fetch_one("SELECT roles FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
        row = await fetch_one(
            "SELECT unlinked_at, roles_as_of > 'epoch' AS has_given_roles FROM external_identities"
            " WHERE id = $1 AND user_id = $2 FOR UPDATE",
            *(identity_id, user_id),
        )
        if row is None or row["unlinked_at"] is not None:
            return row is not None
        await fetch("UPDATE external_identities SET unlinked_at = now() WHERE id = $1", identity_id)
        await record_audit("login.unlinked", "user", user_id, actor_id=user_id, identity=identity_id)
        roles = [ROLE_OF_NEW_USERS]
        if row["has_given_roles"] and list(user["roles"]) != roles:
            await fetch("UPDATE users SET roles = $2, updated_at = now() WHERE id = $1", user_id, roles)
            await record_audit("user.roles_changed", "user", user_id, actor_id=user_id, roles=roles, by="unlinking")
        return True

    return await in_transaction(work)
