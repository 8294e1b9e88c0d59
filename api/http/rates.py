"""How often a caller may ask: per address, per user, and per route by `requires(…, rate=…)` (docs/protection.md).

Every process counts in the same buckets in Valkey. While Valkey is down nobody is refused here; logins and mails have a
throttle of their own, which then counts in the process (`api.identity.throttle`).
"""

import asyncio
import math
from time import monotonic
from weakref import WeakValueDictionary

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.http.problems import ProblemError
from cache.buckets import Buckets, Rate

log = structlog.get_logger()

UNLIMITED = Rate(0, 0)
"""Of routes whose callers are few, known and must get through: webhooks and probes."""
STORIES_BEGUN = Rate(per_minute=30, burst=20)
"""Of one user's purchases, and of refunds: each starts a workflow and calls a provider."""
PAGES_DRAWN = Rate(per_minute=60, burst=20)
"""Of one user's PDFs: each costs tens of milliseconds of CPU."""
ACCOUNTS_MADE = Rate(per_minute=30, burst=30)
"""Of one address: each costs a password's hash, and a mail."""
MOST_TOKENS_AT_ONCE = 30
"""Taken together from the buckets of addresses and users, so that most requests need no round trip."""
TOKENS_LAST_SECONDS = 10.0
"""Tokens taken and not spent are given up then; otherwise they would add to a later burst."""
MOST_HELD = 4096
"""Callers whose tokens a process holds."""
PATIENCE_SECONDS = 0.25
PAUSE_SECONDS = 2.0
"""After a failure of Valkey nobody waits for it for this long."""


class RateLimits:
    """The limits of one process's callers. 0 a minute is no limit, neither in general nor by the routes' own rates."""

    def __init__(self, redis: Redis, per_address: int, per_user: int) -> None:
        self._buckets = Buckets(redis)
        # A quarter of a minute's worth at once: a page asks for a dozen things together, a clinic for hundreds.
        self._address = Rate(per_address, max(1, per_address // 4))
        self._user = Rate(per_user, max(1, per_user // 4))
        self._held: dict[str, tuple[int, float]] = {}
        self._taking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._paused_until = 0.0

    async def enter_address(self, address: str, route: str, rate: Rate | None) -> None:
        """Count a request of an address; `rate` is the route's own for callers without a login.

        Raises `ProblemError("too_many_requests")` with `Retry-After` (RFC 6585 §4).
        """
        if self._address.per_minute and rate is not UNLIMITED:
            await self._enter(f"address:{address}", self._address, f"{route}:address:{address}", rate)

    async def enter_user(self, user_id: str, route: str, rate: Rate | None) -> None:
        """Count a request of a user; `rate` is the route's own. Raises as `enter_address` does."""
        if self._user.per_minute and rate is not UNLIMITED:
            await self._enter(f"user:{user_id}", self._user, f"{route}:user:{user_id}", rate)

    async def _enter(self, name: str, general: Rate, own_name: str, own: Rate | None) -> None:
        wait_ms = await self._take_held(name, general)
        if not wait_ms and own is not None:
            wait_ms = (await self._take(own_name, own, 1))[1]
        if wait_ms:
            raise ProblemError("too_many_requests", headers={"Retry-After": str(math.ceil(wait_ms / 1000))})

    async def _take_held(self, name: str, rate: Rate) -> int:
        """Milliseconds to wait; 0 when there was a token, held here or taken now."""
        if self._spend(name):
            return 0
        # One at a time: a caller's requests at once would each take many, and the last be refused with many held here.
        lock = self._taking.setdefault(name, asyncio.Lock())
        async with lock:
            if self._spend(name):
                return 0
            taken, wait_ms = await self._take(name, rate, max(1, min(MOST_TOKENS_AT_ONCE, rate.burst // 4)))
            if taken > 1:
                self._held[name] = (taken - 1, monotonic() + TOKENS_LAST_SECONDS)
                if len(self._held) > MOST_HELD:
                    del self._held[next(iter(self._held))]
        return wait_ms

    def _spend(self, name: str) -> bool:
        tokens, until = self._held.get(name, (0, 0.0))
        if tokens and monotonic() < until:
            self._held[name] = (tokens - 1, until)
            return True
        self._held.pop(name, None)
        return False

    async def _take(self, name: str, rate: Rate, wanted: int) -> tuple[int, int]:
        if monotonic() < self._paused_until:
            return 0, 0
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._buckets.take(name, rate, wanted)
        except (RedisError, TimeoutError, OSError) as error:
            self._paused_until = monotonic() + PAUSE_SECONDS
            log.warning("rates_not_counted", error=type(error).__name__)
            return 0, 0
