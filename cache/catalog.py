"""Pages of the public catalog, kept in this process and in Valkey, and right across processes (ADR 3).

Every kept page belongs to a *generation*: a token that PostgreSQL renews in the transaction of each change. A process
trusts the token that it has read for `HOLD_SECONDS`; then the next request reads it again, and a new token empties what
the process holds and leads to other keys in Valkey. Hence:

- an answer shows every change committed `HOLD_SECONDS` or more before it, in every process, whatever was killed;
- a page built from older rows is stored under the older token, where nobody looks once the token has changed: the token
  is read *before* the rows, so a race can only put newer rows under an older token;
- Valkey down, emptied or restored makes nothing stale: it is asked only for keys with the current token.

Only pages that everybody may see are kept, and never the number of seats left.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import msgspec

from cache.keys import CacheKey
from cache.store import ByteStore

HOLD_SECONDS = 0.5
MOST_HELD_PAGES = 512
LONGEST_ADDRESS = 512
"""Characters of path and query; longer ones are not held in the process."""


class Page(msgspec.Struct, frozen=True, array_like=True):
    """A finished answer: JSON, its strong ETag, its `Link` header if any, and the course whose seats are limited."""

    body: bytes
    etag: str
    link: str | None = None
    limited_course_id: str | None = None


class CatalogCache:
    """The kept pages of one process on top of those in Valkey."""

    def __init__(self, store: ByteStore, read_generation: Callable[[], Awaitable[str]]) -> None:
        self._store = store
        self._read_generation = read_generation
        self._generation = ""
        self._trusted_until = 0.0
        self._reading = asyncio.Lock()
        self._pages: dict[str, Page] = {}

    async def generation(self) -> str:
        """The catalog's generation, at most `HOLD_SECONDS` old. Raises what reading it raises."""
        if monotonic() < self._trusted_until:
            return self._generation
        async with self._reading:
            asked_at = monotonic()
            if asked_at >= self._trusted_until:
                generation = await self._read_generation()
                if generation != self._generation:
                    self._generation = generation
                    self._pages.clear()
                self._trusted_until = asked_at + HOLD_SECONDS
        return self._generation

    async def held(self, address: str) -> Page | None:
        """The page that this process holds for an address (path and query), without asking Valkey."""
        await self.generation()
        return self._pages.get(address)

    async def stored(self, key: CacheKey) -> Page | None:
        """The page that Valkey has under a key, which carries the generation."""
        value = await self._store.get(key)
        try:
            return None if value is None else msgspec.msgpack.decode(value, type=Page)
        except msgspec.DecodeError:  # written by another release: as good as none
            return None

    async def keep(self, key: CacheKey, page: Page) -> None:
        """Store a page in Valkey for the other processes."""
        await self._store.set(key, msgspec.msgpack.encode(page))

    def hold(self, address: str, generation: str, page: Page) -> None:
        """Hold a page of this generation in the process, unless the generation has changed meanwhile."""
        if generation != self._generation or len(address) > LONGEST_ADDRESS:
            return
        if len(self._pages) >= MOST_HELD_PAGES:
            self._pages.pop(next(iter(self._pages)))
        self._pages[address] = page
