"""How many logins may fail and how many mails be asked for: per account and per address, counted in Valkey, or here
while Valkey is down."""

import hashlib
import time

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.http.problems import ProblemError

log = structlog.get_logger()

WINDOW_MINUTES = 15
PER_ACCOUNT = RateLimitItemPerMinute(10, WINDOW_MINUTES, namespace="login:account")
PER_ADDRESS = RateLimitItemPerMinute(100, WINDOW_MINUTES, namespace="login:address")
"""Ten times the account's: an address may be that of a whole clinic."""
MAILS_PER_ACCOUNT = RateLimitItemPerHour(5, 1, namespace="mail:account")
MAILS_PER_ADDRESS = RateLimitItemPerHour(50, 1, namespace="mail:address")
"""Of requests that make us send a mail, to whomever they name."""


class LoginThrottle:
    """Counts each try before its password is looked at, and takes it back when it succeeds.

    Counting first keeps a thousand tries at once from all being the first. `limits` counts by one Lua script
    (increment, and expiry at the first), so no increment is lost and no key lives for ever.
    """

    def __init__(
        self, redis: Redis, per_account: RateLimitItem = PER_ACCOUNT, per_address: RateLimitItem = PER_ADDRESS
    ) -> None:
        self._per_account, self._per_address = per_account, per_address
        self._shared: Storage = RedisStorage(
            "redis://",
            implementation="redispy",
            key_prefix="throttle",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # documented, but not in its types
        )
        self._own: Storage = MemoryStorage()

    async def enter(self, email: str, address: str) -> None:
        """Count a try. Raises `ProblemError("too_many_requests")` with `Retry-After` (RFC 6585 §4)."""
        waits = [
            await self._count(self._per_account, _account(email)),
            await self._count(self._per_address, address),
        ]
        if wait := max(waits):
            raise ProblemError("too_many_requests", headers={"Retry-After": str(wait)})

    async def succeeded(self, email: str, address: str) -> None:
        """Take the try back from its address, and forget the account's failures."""
        try:
            await self._forgive(self._shared, email, address)
        except RedisError as error:
            log.warning("throttle_not_shared", error=type(error).__name__)
            await self._forgive(self._own, email, address)

    async def forget(self, email: str) -> None:
        """Forget the account's failures: its owner has shown by other means who they are."""
        try:
            await self._shared.clear(self._per_account.key_for(_account(email)))
        except RedisError as error:
            log.warning("throttle_not_shared", error=type(error).__name__)
            await self._own.clear(self._per_account.key_for(_account(email)))

    async def _count(self, item: RateLimitItem, name: str) -> int:
        """Seconds to wait; 0 when this try is within the limit."""
        key = item.key_for(name)
        try:
            return await self._count_in(self._shared, item, key)
        except RedisError as error:
            # Worse than a shared count (each process has its own), better than an open door or a closed one.
            log.warning("throttle_not_shared", error=type(error).__name__)
            return await self._count_in(self._own, item, key)

    async def _forgive(self, storage: Storage, email: str, address: str) -> None:
        await storage.clear(self._per_account.key_for(_account(email)))
        await storage.incr(self._per_address.key_for(address), self._per_address.get_expiry(), amount=-1)

    @staticmethod
    async def _count_in(storage: Storage, item: RateLimitItem, key: str) -> int:
        if await storage.incr(key, item.get_expiry()) <= item.amount:
            return 0
        return max(1, round(await storage.get_expiry(key) - time.time()))


def _account(email: str) -> str:
    """A hash of the e-mail: keys are seen by operators, and e-mails are not theirs to see."""
    return hashlib.sha256(email.encode(errors="replace")).hexdigest()
