"""Making one thing at a provider that remembers idempotency keys, but not for ever and not only good answers."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from domain.errors import AnsweredFaultError

T = TypeVar("T")

MOST_KEYS = 100
"""How many stored faults one try walks over before it leaves the rest to a person: more than a day of outage makes."""


async def make_once(
    create: Callable[[int], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    first_asked_at: datetime,
    keys_last: timedelta,
) -> T:
    """Create the object under its first key, or answer with the one that exists.

    A time-out is simply raised: the next try uses the same key, which the provider answers with the same object.
    An answered 5xx is looked behind and raised, too; the next try meets it again as a replay, looks for the object,
    and goes on with the next key. So a try uses up one key at most, and nothing has to be remembered in between.
    `keys_last` is how long the provider is sure to remember a key; when that is no time at all, each try looks first.
    Raises what `create` and `find` raise.
    """
    may_exist = not keys_last or datetime.now(UTC) - first_asked_at > keys_last
    for attempt in range(1, MOST_KEYS):
        if may_exist and (found := await find()) is not None:
            return found
        try:
            return await create(attempt)
        except AnsweredFaultError as fault:
            may_exist = attempt == 1 or not fault.is_replay
            if fault.is_replay:
                continue
            if (found := await find()) is not None:
                return found
            raise
    return await create(MOST_KEYS)
