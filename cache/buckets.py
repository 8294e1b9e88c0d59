"""Token buckets in Valkey, taken from by one script, so that no two processes count the same token (GCRA, I.371).

A key holds the bucket's theoretical arrival time in milliseconds by Valkey's own clock, and lives only until its bucket
is full again. Processes may take several tokens at once and spend them at home, which saves the round trip.
"""

from hashlib import blake2b
from typing import NamedTuple

from redis.asyncio import Redis

TAKE = """
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + now[2] / 1000
local each_ms, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = math.max(now_ms, tonumber(redis.call('GET', KEYS[1]) or 0))
local free = math.floor((now_ms + burst * each_ms - arrival) / each_ms + 0.000001)
if free < 1 then
  return {0, math.ceil(arrival + each_ms - burst * each_ms - now_ms)}
end
local taken = math.min(free, wanted)
arrival = arrival + taken * each_ms
redis.call('SET', KEYS[1], string.format('%.3f', arrival), 'PX', math.ceil(arrival - now_ms))
return {taken, 0}
"""


class Rate(NamedTuple):
    """So many a minute in the long run, and at most `burst` at once."""

    per_minute: int
    burst: int


class Taken(NamedTuple):
    """How many tokens were taken; when none, after how many milliseconds there is one."""

    tokens: int
    wait_ms: int


class Buckets:
    """The buckets of all processes."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(TAKE)

    async def take(self, name: str, rate: Rate, wanted: int = 1) -> Taken:
        """Up to `wanted` tokens of a bucket. Raises `RedisError`."""
        tokens, wait_ms = await self._take(keys=[_key(name)], args=[60_000 / rate.per_minute, rate.burst, wanted])
        return Taken(int(tokens), int(wait_ms))


def _key(name: str) -> str:
    """A digest, since names hold addresses."""
    return f"rate:{blake2b(name.encode(), digest_size=16).hexdigest()}"
