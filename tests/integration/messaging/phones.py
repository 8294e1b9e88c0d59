"""People who can be reached by phone, and the stand-in that their phones hang on."""

from typing import Any

import httpx

from db.queries.messaging.telling import Queued, queue_messages
from db.sql import as_json, fetch, fetch_one
from domain.identifiers import new_id
from domain.messaging.telling import Category, Channel
from tests.integration.conftest import Person


class Phones:
    """The stand-in of the session's stack."""

    def __init__(self, port: int) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)

    async def taken(self, to: str) -> list[Any]:
        """What reached a number, a token or an endpoint."""
        found: list[Any] = (await self._http.get("/api/phones", params={"to": to})).json()
        return found

    async def fault(self, provider: str, kind: str, times: int = 1) -> None:
        """The next sends go wrong."""
        answer = await self._http.post("/api/phones/faults", json={"provider": provider, "kind": kind, "times": times})
        assert answer.status_code == 200, answer.text

    async def mend(self) -> None:
        """All faults off."""
        await self._http.delete("/api/phones/faults")

    async def subscription(self) -> Any:
        """A browser subscribes."""
        return (await self._http.post("/api/phones/subscriptions")).json()

    async def close(self) -> None:
        """All faults off."""
        await self.mend()
        await self._http.aclose()


def number_of(person: Person) -> str:
    """A number that is only theirs."""
    return f"+91{int(person.id.replace('-', ''), 16) % 10**10:010}"


async def with_phone(person: Person, *channels: Channel) -> str:
    """Give a person a number and consents; the number."""
    number = number_of(person)
    await fetch(
        "UPDATE users SET contact_channels = contact_channels || $2::jsonb, consents = consents || $3::jsonb"
        " WHERE id = $1",
        person.id,
        as_json(dict.fromkeys(channels, number)),
        as_json(dict.fromkeys(channels, "2026-11-25T00:00:00Z")),
    )
    return number


async def with_device(person: Person, kind: str, subscription: Any = None) -> tuple[str, str]:
    """Give a person a device; its id and its token."""
    device_id = new_id()
    keys = (subscription or {}).get("keys", {})
    token = subscription["endpoint"] if subscription else f"token-{device_id}"
    await fetch(
        "INSERT INTO devices (id, user_id, kind, token, p256dh, auth) VALUES ($1, $2, $3, $4, $5, $6)",
        *(device_id, person.id, kind, token, keys.get("p256dh"), keys.get("auth")),
    )
    return device_id, token


async def communication_to(
    person: Person,
    *channels: Channel,
    category: Category = Category.REMINDER,
    title: str = "Continue learning",
    body: str = "The next lesson waits.",
) -> Queued:
    """Queue the same few words over these channels."""
    communication_id = new_id()
    await fetch(
        "INSERT INTO communications (id, user_id, key, request_hash, category, title, body, metadata)"
        " VALUES ($1, $2, $1, '', $3, $4, $5, '{}')",
        *(communication_id, person.id, category.value, title, body),
    )
    return await queue_messages(
        person.id,
        f"communication:{communication_id}:{person.id}",
        "communication",
        {"communicationId": communication_id},
        channels=channels,
        category=category,
    )


async def message(message_id: str) -> Any:
    """The row."""
    return await fetch_one("SELECT * FROM outgoing_messages WHERE id = $1", message_id)


async def quiet_for_seconds(person: Person, seconds: int) -> None:
    """Quiet hours that began before now and end so soon."""
    await fetch("UPDATE users SET time_zone = 'UTC' WHERE id = $1", person.id)
    await fetch(
        "INSERT INTO message_preferences (user_id, quiet_since, quiet_until, opt_outs)"
        " SELECT $1, (now() - interval '1 h')::time, (now() + make_interval(secs => $2))::time, '[]'"
        " ON CONFLICT (user_id) DO UPDATE SET quiet_since = excluded.quiet_since, quiet_until = excluded.quiet_until",
        *(person.id, seconds),
    )
