"""A learner's progress in Valkey, written through (brief, "Progress Data"): a copy for whoever shows it, never asked
for a decision, since what is down for a moment misses what was written meanwhile."""

import asyncio
from collections.abc import Iterable
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cache.store import PATIENCE_SECONDS, PAUSE_SECONDS

log = structlog.get_logger(__name__)


def progress_key(enrollment_id: str, lesson_id: str) -> str:
    """`progress:{enrollmentId}:{lessonId}`, without an end."""
    return f"progress:{enrollment_id}:{lesson_id}"


class ProgressCopies:
    """Writes the copies; never raises because of Valkey."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._paused_until = 0.0

    async def write(self, values: Iterable[tuple[str, bytes]]) -> None:
        """Set all keys in one command, if Valkey answers in time."""
        if monotonic() < self._paused_until:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._redis.mset(dict(values))
        except (RedisError, OSError) as error:
            self._paused_until = monotonic() + PAUSE_SECONDS
            log.warning("cache_unavailable", error=type(error).__name__, pause_seconds=PAUSE_SECONDS)
