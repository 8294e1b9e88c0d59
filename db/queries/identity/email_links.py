"""Links by e-mail and what following one does. Rows hold no token (`domain.identity.email_links`).

Each mail's row is written by the statement or transaction that causes it.
"""

from datetime import datetime

import msgspec

from db.queries.audit import record_audit
from db.queries.identity.sessions import end_other_sessions
from db.sql import as_json, fetch, fetch_as, fetch_one
from domain.identifiers import new_id
from domain.identity.email_links import LINK_LIFE, LinkPurpose

TEMPLATES = {LinkPurpose.VERIFY_EMAIL: "email-verification", LinkPurpose.RESET_PASSWORD: "password-reset"}
CHANGED_TEMPLATE = "password-changed"


class LinkOwner(msgspec.Struct, frozen=True):
    """Who followed a link that still works."""

    user_id: str
    email: str
    name: str


async def queue_verification(user_id: str) -> str | None:
    """A link that verifies the user's address, and its mail; the mail's id, `None` when it is verified."""
    return await _queue_link(LinkPurpose.VERIFY_EMAIL, "id = $1 AND email_verified_at IS NULL", user_id)


async def queue_first_verification(user_id: str) -> str:
    """The same for a user whom this transaction has added."""
    message_id = await queue_verification(user_id)
    if message_id is None:
        raise LookupError("the user was not added by this transaction")
    return message_id


async def queue_reset(email: str) -> str | None:
    """A link that resets the password of this address's account, and its mail; the mail's id.

    `None` without an account, or when there is no password to reset: it is disabled, or of another issuer.
    """
    return await _queue_link(
        LinkPurpose.RESET_PASSWORD, "email = $1 AND disabled_at IS NULL AND password_hash IS NOT NULL", email
    )


async def _queue_link(purpose: LinkPurpose, condition: str, value: str) -> str | None:
    link_id, message_id = new_id(), new_id()
    row = await fetch_one(
        f"""WITH link AS (
              INSERT INTO email_links (id, user_id, purpose, email, expires_at)
              SELECT $2, id, $3, email, now() + $4::interval FROM users WHERE {condition} RETURNING user_id
            )
            INSERT INTO outgoing_messages (id, dedupe_key, user_id, channel, template, params, status)
            SELECT $5, $6, user_id, 'email', $7, $8, 'queued' FROM link RETURNING id""",  # noqa: S608
        *(value, link_id, purpose, LINK_LIFE[purpose]),
        *(message_id, f"link:{link_id}:email", TEMPLATES[purpose], as_json({"linkId": link_id})),
    )
    return message_id if row else None


async def follow_verification(link_id: str) -> bool:
    """The address that the link was sent to is verified, if it still is the user's; whether it is by now.

    Following the link again changes nothing: mail scanners and double clicks do.
    """
    row = await fetch_one(
        """WITH link AS (
             UPDATE email_links SET used_at = coalesce(used_at, now())
             WHERE id = $1 AND purpose = $2 AND expires_at > now() RETURNING user_id, email
           )
           UPDATE users u SET email_verified_at = coalesce(email_verified_at, now()) FROM link
           WHERE u.id = link.user_id AND u.email = link.email AND u.disabled_at IS NULL RETURNING u.id""",
        *(link_id, LinkPurpose.VERIFY_EMAIL),
    )
    return row is not None


async def owner_of_reset(link_id: str) -> LinkOwner | None:
    """Whose password this link resets; `None` when it does not work any more."""
    found = await fetch_as(
        LinkOwner,
        """SELECT u.id AS user_id, u.email, u.name FROM email_links l JOIN users u ON u.id = l.user_id
           WHERE l.id = $1 AND l.purpose = $2 AND l.used_at IS NULL AND l.expires_at > now()
             AND u.email = l.email AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL""",
        *(link_id, LinkPurpose.RESET_PASSWORD),
    )
    return found[0] if found else None


async def reset_password(link_id: str, password_hash: str) -> str | None:
    """Use the link: set the password, end every session and every other link; the id of the mail that says so.

    `None` when it does not work any more: of two at once the second waits for the first's lock and sees `used_at`. In a
    transaction. The address proves itself, too. The user's row is locked before the sessions end (`open_session`).
    """
    row = await fetch_one(
        """WITH link AS (
             UPDATE email_links SET used_at = now()
             WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now() RETURNING user_id, email
           )
           UPDATE users u SET password_hash = $3, password_changed_at = clock_timestamp(), updated_at = now(),
                              email_verified_at = coalesce(email_verified_at, now())
           FROM link
           WHERE u.id = link.user_id AND u.email = link.email AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL
           RETURNING u.id""",
        *(link_id, LinkPurpose.RESET_PASSWORD, password_hash),
    )
    if row is None:
        return None
    user_id: str = row["id"]
    await end_other_sessions(user_id, None, "password_reset")
    return await _password_changed(user_id, "reset")


async def change_password(
    user_id: str, kept_session_id: str, password_hash: str, password_changed_at: datetime | None
) -> str | None:
    """Set the password and end every session but this one; the id of the mail that says so. In a transaction.

    `None` when the password has changed since `password_changed_at`, so that the one that was checked is not it.
    """
    row = await fetch_one(
        """UPDATE users SET password_hash = $2, password_changed_at = clock_timestamp(), updated_at = now()
           WHERE id = $1 AND password_changed_at IS NOT DISTINCT FROM $3 AND disabled_at IS NULL RETURNING id""",
        *(user_id, password_hash, password_changed_at),
    )
    if row is None:
        return None
    await end_other_sessions(user_id, kept_session_id, "password_changed")
    return await _password_changed(user_id, "change")


async def _password_changed(user_id: str, by: str) -> str:
    """What both ways to a new password have in common: older links die, and the person and the trail hear of it."""
    await fetch(
        "UPDATE email_links SET used_at = now() WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL",
        *(user_id, LinkPurpose.RESET_PASSWORD),
    )
    await record_audit("user.password_changed", "user", user_id, actor_id=user_id, by=by)
    message_id = new_id()
    await fetch(
        """INSERT INTO outgoing_messages (id, dedupe_key, user_id, channel, template, params, status)
           VALUES ($1, $2, $3, 'email', $4, '{}', 'queued')""",
        *(message_id, f"password-changed:{message_id}:email", user_id, CHANGED_TEMPLATE),
    )
    return message_id
