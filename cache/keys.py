"""Typed cache keys with their time to live (brief, "Caching Strategy").

Keys of the catalog carry its generation (`db.queries.catalog.read_generation`), so that a change makes the old keys
unreachable at once, without a SCAN, and they age out by themselves.
"""

from hashlib import blake2b
from urllib.parse import quote

import msgspec

HOUR = 3600
LAYOUT = 2
"""Of the kept pages: raise it when their JSON changes, so that no release serves the layout of the one before."""


class CacheKey(msgspec.Struct, frozen=True):
    """A key and how long its value may live, in seconds."""

    name: str
    seconds: int


def course_list(category: str | None, filters: msgspec.Struct, generation: str) -> CacheKey:
    """`course:list:{category}:{page}`, 1 h; `all` stands for no category.

    `page` is the generation, the layout and a digest of every filter, the limit and the cursor, so that two questions
    never share a key.
    """
    return CacheKey(f"course:list:{_safe(category or 'all')}:{generation}.{LAYOUT}.{_digest(filters)}", HOUR)


def course_page(id_or_slug: str, currency: str, generation: str) -> CacheKey:
    """`course:page:{idOrSlug}:{generation}.{layout}.{currency}`, 1 h: ours, after the brief's list key."""
    return CacheKey(f"course:page:{_safe(id_or_slug)}:{generation}.{LAYOUT}.{currency}", HOUR)


def _digest(filters: msgspec.Struct) -> str:
    return blake2b(msgspec.json.encode(filters), digest_size=12).hexdigest()


def _safe(part: str) -> str:
    return quote(part, safe="")
