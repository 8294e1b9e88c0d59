"""What a person wishes of our messages, and the devices that take them."""

from datetime import datetime, time

import msgspec

from db.sql import as_json, fetch, fetch_as, fetch_one
from db.transaction import in_transaction
from domain.identifiers import new_id
from domain.messaging.notices import Device
from domain.messaging.telling import Category, Channel, opt_out_key


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """As they stand; `number` is E.164."""

    number: str | None
    consents: tuple[Channel, ...]
    """Among SMS and WhatsApp."""
    email: bool
    """Whether e-mail that is not transactional may come."""
    opt_outs: tuple[str, ...]
    quiet_since: time | None
    quiet_until: time | None
    locale: str
    time_zone: str


BY_NUMBER = (Channel.SMS, Channel.WHATSAPP)


async def read_preferences(user_id: str) -> Preferences:
    """Raises `LookupError` when there is no such person."""
    row = await fetch_one(
        "SELECT u.contact_channels, u.consents, u.locale, u.time_zone, p.quiet_since, p.quiet_until,"
        " coalesce(p.opt_outs, '[]') AS opt_outs"
        " FROM users u LEFT JOIN message_preferences p ON p.user_id = u.id WHERE u.id = $1",
        user_id,
    )
    if row is None:
        raise LookupError("the person is missing")
    channels, consents = msgspec.json.decode(row["contact_channels"]), msgspec.json.decode(row["consents"])
    return Preferences(
        number=next((str(channels[channel]) for channel in BY_NUMBER if channels.get(channel)), None),
        consents=tuple(channel for channel in BY_NUMBER if channels.get(channel) and channel in consents),
        email=bool(channels.get(Channel.EMAIL)),
        opt_outs=tuple(msgspec.json.decode(row["opt_outs"])),
        quiet_since=row["quiet_since"],
        quiet_until=row["quiet_until"],
        locale=row["locale"],
        time_zone=row["time_zone"],
    )


async def write_preferences(user_id: str, wish: Preferences) -> None:
    """Replace them. A consent that was given before for the same number keeps its moment."""

    async def work() -> None:
        before = await fetch_one("SELECT contact_channels FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
        if before is None:
            raise LookupError("the person is missing")
        known = msgspec.json.decode(before["contact_channels"])
        # The number stands under both channels, whether or not it may be used there: the consent decides.
        numbers = dict.fromkeys(BY_NUMBER, wish.number) if wish.number else {}
        kept = [channel.value for channel in wish.consents if known.get(channel) == wish.number]
        await fetch(
            """
            UPDATE users SET locale = $2, time_zone = $3, updated_at = now(),
              contact_channels = contact_channels - '{sms,whatsapp}'::text[] || $4::jsonb,
              consents = consents - '{sms,whatsapp}'::text[]
                || coalesce((SELECT jsonb_object_agg(name, CASE WHEN name = ANY($6) AND consents ? name
                     THEN consents -> name ELSE to_jsonb(now()) END) FROM unnest($5::text[]) AS name), '{}')
            WHERE id = $1
            """,
            *(user_id, wish.locale, wish.time_zone, as_json({**numbers, Channel.EMAIL: wish.email})),
            *([channel.value for channel in wish.consents], kept),
        )
        await fetch(
            "INSERT INTO message_preferences (user_id, quiet_since, quiet_until, opt_outs) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (user_id) DO UPDATE"
            " SET quiet_since = $2, quiet_until = $3, opt_outs = $4, updated_at = now()",
            *(user_id, wish.quiet_since, wish.quiet_until, as_json(sorted(set(wish.opt_outs)))),
        )

    await in_transaction(work)


async def opt_out(user_id: str, category: Category, channel: Channel) -> None:
    """No more messages of this category over this channel; a second time changes nothing."""
    await fetch(
        """
        INSERT INTO message_preferences (user_id, opt_outs)
        SELECT id, jsonb_build_array($2::text) FROM users WHERE id = $1
        ON CONFLICT (user_id) DO UPDATE SET updated_at = now(), opt_outs = message_preferences.opt_outs || $3::jsonb
        WHERE NOT message_preferences.opt_outs ? $2
        """,
        *(user_id, opt_out_key(category, channel), as_json([opt_out_key(category, channel)])),
    )


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A living device, without its secrets."""

    id: str
    kind: str
    created_at: datetime


async def add_device(user_id: str, device: Device) -> DeviceRow:
    """Keep a device. One that is known belongs to who registered it last, and is alive again."""
    rows = await fetch_as(
        DeviceRow,
        "INSERT INTO devices (id, user_id, kind, token, p256dh, auth) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (kind, token) DO UPDATE SET user_id = $2, p256dh = $5, auth = $6, disabled_at = NULL"
        ' RETURNING id, kind, created_at AS "createdAt"',
        *(new_id(), user_id, device.kind, device.token, device.p256dh, device.auth),
    )
    return rows[0]


async def list_devices(user_id: str) -> list[DeviceRow]:
    """One's living devices, the oldest first."""
    return await fetch_as(
        DeviceRow,
        'SELECT id, kind, created_at AS "createdAt" FROM devices'
        " WHERE user_id = $1 AND disabled_at IS NULL ORDER BY id",
        user_id,
    )


async def disable_device(user_id: str, device_id: str) -> bool:
    """Whether it was one's own and alive."""
    rows = await fetch(
        "UPDATE devices SET disabled_at = now() WHERE id = $1 AND user_id = $2 AND disabled_at IS NULL RETURNING id",
        *(device_id, user_id),
    )
    return bool(rows)
