"""Ids that every demo database shares, so that links and notes about the demo stay right."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

_MADE_AT = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000)


def demo_id(kind: str, name: str) -> str:
    """A UUIDv7 (RFC 9562 §5.7) with a fixed time, whose random bits are the digest of kind and name."""
    digest = int.from_bytes(sha256(f"{kind}:{name}".encode()).digest()[:16])
    value = _MADE_AT << 80 | 0x7 << 76 | (digest >> 64 & 0xFFF) << 64 | 0b10 << 62 | digest & (1 << 62) - 1
    return str(UUID(int=value))
