"""Bytes in Valkey, as a cache: whatever is wrong with Valkey looks like a miss, and soon costs no time at all."""

import asyncio
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cache.keys import CacheKey

PATIENCE_SECONDS = 0.25
"""How long one command may take, reconnecting included; PostgreSQL would have answered by then."""

PAUSE_SECONDS = 2.0
"""After a failure nobody asks Valkey for this long, so that not every request waits for it."""

log = structlog.get_logger(__name__)


class ByteStore:
    """Reads and writes bytes; never raises because of Valkey."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._paused_until = 0.0

    async def get(self, key: CacheKey) -> bytes | None:
        """The value, or `None` when there is none or Valkey does not answer in time."""
        if monotonic() < self._paused_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                value = await self._redis.get(key.name)
        except (RedisError, OSError) as error:
            self._pause(error)
            return None
        return value if isinstance(value, bytes) else None

    async def set(self, key: CacheKey, value: bytes) -> None:
        """Keep `value` for the key's time to live, if Valkey answers in time."""
        if monotonic() < self._paused_until:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._redis.set(key.name, value, ex=key.seconds)
        except (RedisError, OSError) as error:
            self._pause(error)

    def _pause(self, error: Exception) -> None:
        self._paused_until = monotonic() + PAUSE_SECONDS
        log.warning("cache_unavailable", error=type(error).__name__, pause_seconds=PAUSE_SECONDS)
