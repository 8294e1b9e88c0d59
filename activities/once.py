"""Making one thing at a provider that remembers idempotency keys, but not for ever and not only good answers."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from domain.errors import AnsweredFaultError

T = TypeVar("T")

KEY_IS_SURE = timedelta(hours=23)
"""Stripe prunes keys after at least 24 hours ("Idempotent requests"); an hour less, for clocks and long calls."""

KEYS = 3
"""How many keys one try walks through before it leaves the rest to the next try."""


async def make_once(
    create: Callable[[int], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    first_asked_at: datetime,
) -> T:
    """Create the object under its first key, or answer with the one that exists.

    A time-out is simply raised: the next try uses the same key, which the provider answers with the same object.
    An answered 5xx may be replayed under its key for a day, so the object is looked for and then the next key is
    used. Every try walks the same keys from the first, so nothing has to be remembered in between. Raises what
    `create` and `find` raise.
    """
    if datetime.now(UTC) - first_asked_at > KEY_IS_SURE:
        found = await find()
        if found is not None:
            return found
    for attempt in range(1, KEYS):
        try:
            return await create(attempt)
        except AnsweredFaultError:
            found = await find()
            if found is not None:
                return found
    return await create(KEYS)
