"""The one door to stored files. A key is a path of words of ours, never of somebody's."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from typing import Protocol


class Storage(Protocol):
    """Objects by key. Every method but the addresses raises `OutageError` when the storage does not answer."""

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> None:
        """Store what comes, over what was there; nothing when `chunks` raises, which it may."""
        ...

    async def create(self, key: str, content: bytes) -> bool:
        """Store a new object; `False`, and nothing done, when there is one."""
        ...

    async def size(self, key: str) -> int | None:
        """Bytes of an object; `None` when there is none."""
        ...

    async def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`, which have to be there. Raises `LookupError` for no object."""
        ...

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        """All of an object, piece by piece; `None` when there is none."""
        ...

    async def copy(self, source: str, target: str) -> bool:
        """Copy an object within the storage; `False` when there is none."""
        ...

    async def delete(self, *keys: str) -> None:
        """Delete objects; what is not there is no error."""
        ...

    async def keys(self, prefix: str) -> list[str]:
        """The keys below a path."""
        ...

    async def upload_url(self, key: str, most_bytes: int, life: timedelta) -> str:
        """An address that takes a PUT of the object. S3 looks at `most_bytes` not at all: check what came."""
        ...

    async def download_url(self, key: str, life: timedelta) -> str:
        """An address that answers a GET with the object."""
        ...
