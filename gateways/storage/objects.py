"""Stored files by `obstore`: one class for a directory and for S3, which differ in who signs addresses."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from domain.errors import OutageError
from domain.file_tokens import FileGrant, FileTokens

if TYPE_CHECKING:
    from obstore import GetResult  # a name of its stubs only

CALL_SECONDS = 10
"""For one call of S3, its body included: the largest of ours is a part of 5 MiB."""
PIECE_BYTES = 256 * 1024


class S3Account(NamedTuple):
    """Where a bucket is, and who may write it. Without `endpoint`: AWS."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str


class ObjectStorage:
    """Implements `gateways.storage.protocol.Storage`."""

    def __init__(self, store: LocalStore | S3Store, tokens: FileTokens, files_url: str) -> None:
        """`files_url` is where the API answers for a local directory: `https://academy.example/api/v1/files`."""
        self._store = store
        self._tokens = tokens
        self._files_url = files_url

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> None:
        with _in_our_words():
            await obstore.put_async(self._store, key, chunks)

    async def create(self, key: str, content: bytes) -> bool:
        with _in_our_words():
            try:
                await obstore.put_async(self._store, key, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    async def size(self, key: str) -> int | None:
        with _in_our_words():
            try:
                return (await obstore.head_async(self._store, key))["size"]
            except FileNotFoundError:
                return None

    async def read(self, key: str, start: int, end: int) -> bytes:
        with _in_our_words():
            try:
                return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))
            except FileNotFoundError:
                raise LookupError("no such object") from None

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        with _in_our_words():
            try:
                found = await obstore.get_async(self._store, key)
            except FileNotFoundError:
                return None
        return _pieces(found)

    async def copy(self, source: str, target: str) -> bool:
        with _in_our_words():
            try:
                await obstore.copy_async(self._store, source, target)
            except FileNotFoundError:
                return False
        return True

    async def delete(self, *keys: str) -> None:
        for key in keys:
            with _in_our_words():
                try:
                    await obstore.delete_async(self._store, key)
                except FileNotFoundError:
                    continue

    async def keys(self, prefix: str) -> list[str]:
        with _in_our_words():
            return [found["path"] async for batch in obstore.list(self._store, prefix) for found in batch]

    async def upload_url(self, key: str, most_bytes: int, life: timedelta) -> str:
        if isinstance(self._store, S3Store):
            return await obstore.sign_async(self._store, "PUT", key, life)
        return self._address(FileGrant("PUT", key, _until(life), most_bytes))

    async def download_url(self, key: str, life: timedelta) -> str:
        if isinstance(self._store, S3Store):
            return await obstore.sign_async(self._store, "GET", key, life)
        return self._address(FileGrant("GET", key, _until(life)))

    def _address(self, grant: FileGrant) -> str:
        return f"{self._files_url}/{self._tokens.issue(grant)}"


def open_storage(url: str, account: S3Account, tokens: FileTokens, files_url: str) -> ObjectStorage:
    """The storage that a setting names: `file:///srv/files` or `s3://bucket/folder`.

    Raises `OSError` when the directory cannot be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return ObjectStorage(_s3(parts.netloc, parts.path.strip("/"), account), tokens, files_url)
    folder = Path(unquote(parts.path))
    folder.mkdir(parents=True, exist_ok=True)
    return ObjectStorage(LocalStore(folder), tokens, files_url)


def _s3(bucket: str, folder: str, account: S3Account) -> S3Store:
    return S3Store(
        bucket,
        prefix=folder or None,
        endpoint=account.endpoint or None,
        region=account.region,
        access_key_id=account.access_key_id,
        secret_access_key=account.secret_access_key,
        virtual_hosted_style_request=not account.endpoint,
        client_options={
            "allow_http": account.endpoint.startswith("http://"),
            "timeout": timedelta(seconds=CALL_SECONDS),
            "connect_timeout": timedelta(seconds=2),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=CALL_SECONDS)},
    )


async def _pieces(found: "GetResult") -> AsyncIterator[bytes]:
    with _in_our_words():
        async for piece in found.stream(min_chunk_size=PIECE_BYTES):
            yield bytes(piece)


def _until(life: timedelta) -> int:
    return int((datetime.now(UTC) + life).timestamp())


@contextmanager
def _in_our_words() -> Iterator[None]:
    """The library's errors tell addresses and keys; ours tell none."""
    try:
        yield
    except BaseError:
        raise OutageError("storage") from None
