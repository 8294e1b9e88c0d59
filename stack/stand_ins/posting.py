"""HTTP/1.1 POST over kept-alive connections, for webhooks only.

httpx costs 2–3 ms of CPU a request on our machine, which at 200 webhooks a second would take from a benchmark what
it measures; this needs the status line and little else.
"""

import asyncio
import re
from urllib.parse import urlsplit

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class PostError(Exception):
    """No answer was read; the text names the kind of failure only."""


class Poster:
    """Posts to one URL; idle connections are kept and reused."""

    def __init__(self, url: str, timeout_seconds: float, agent: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = f"POST {target} HTTP/1.1\r\nhost: {parts.netloc}\r\nuser-agent: {agent}\r\n"
        self._timeout = timeout_seconds
        self._idle: list[Connection] = []

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """The answer's status. Raises `PostError` when none came in time."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{self._head}content-length: {len(body)}\r\n{lines}\r\n".encode() + body
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(request)
        except TimeoutError:
            raise PostError("timeout") from None
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise PostError(type(error).__name__) from None

    def close(self) -> None:
        """Drop the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(self, request: bytes) -> int:
        reader, writer = await self._connection()
        keep = False
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            length = re.search(rb"\r\ncontent-length: *([0-9]+)\r\n", head, re.IGNORECASE)
            if length is not None:
                await reader.readexactly(int(length[1]))
            bodiless = status == 204
            keep = (length is not None or bodiless) and b"connection: close" not in head.lower()
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.close()
        return status

    async def _connection(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls or None)
