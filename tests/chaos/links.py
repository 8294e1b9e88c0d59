"""A TCP proxy between two parts of the stack: withholds what one says to the other, byte for byte.

This is how a kill lands where it is aimed: the part that would carry a purchase past the point hears nothing, while
every process runs the product's own code with the product's own timeouts.
"""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter

from stack.process import HOST

CHUNK = 65_536


class _Connection:
    """One client's connection, carried by two pumps."""

    def __init__(self, *writers: StreamWriter) -> None:
        self._writers = writers
        self.pumps: list[asyncio.Task[None]] = []
        self.answers_flow = asyncio.Event()
        self.answers_flow.set()

    def drop(self) -> None:
        """End it at once; what it still holds is lost, as with a process that dies."""
        for pump in self.pumps:
            pump.cancel()
        for writer in self._writers:
            writer.transport.abort()

    def close(self) -> None:
        """End it after what was already passed on."""
        for pump in self.pumps:
            pump.cancel()
        for writer in self._writers:
            writer.close()


class Link:
    """Between `client` and `server`, by the names of the parts. Closed taps hold bytes back; none is lost by it."""

    def __init__(self, client: str, server: str, server_port: int) -> None:
        self.ends = (client, server)
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._requests_flow = asyncio.Event()
        self._answers_flow = asyncio.Event()
        self._trap: bytes | None = None
        self.release()

    @property
    def port(self) -> int:
        """Where the client has to connect."""
        assert self._listener is not None
        return int(self._listener.sockets[0].getsockname()[1])

    async def open(self) -> None:
        """Begin to listen."""
        self._listener = await asyncio.start_server(self._serve, HOST, 0)

    async def close(self) -> None:
        """Drop every connection and stop listening."""
        self.release()
        self.cut()
        if self._listener is not None:
            self._listener.close()

    def withhold_requests(self) -> None:
        """The server hears nothing from now on; the client still does."""
        self._requests_flow.clear()

    def withhold_answers(self) -> None:
        """The client hears nothing from now on; the server still does."""
        self._answers_flow.clear()

    def withhold_answer_to(self, words: bytes) -> None:
        """The next request that contains `words` goes through, and its connection's answers stop there."""
        self._trap = words

    def black_out(self) -> None:
        """Cut every connection; new ones are accepted and carry nothing, either way."""
        self.withhold_requests()
        self.withhold_answers()
        self.cut()

    def cut(self) -> None:
        """End every connection, with what it holds."""
        for connection in list(self._connections):
            connection.drop()

    def release(self) -> None:
        """Let everything through again, what was held back first."""
        self._trap = None
        self._requests_flow.set()
        self._answers_flow.set()
        for connection in self._connections:
            connection.answers_flow.set()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._server_port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, server_writer)
        self._connections.add(connection)
        connection.pumps = [
            asyncio.create_task(self._carry_requests(reader, server_writer, connection)),
            asyncio.create_task(self._carry_answers(server_reader, writer, connection)),
        ]
        try:
            await asyncio.wait(connection.pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _carry_requests(self, reader: StreamReader, writer: StreamWriter, connection: _Connection) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._trap is not None and self._trap in data:
                    # Before the request is passed on: its answer cannot slip through.
                    connection.answers_flow.clear()
                    self._trap = None
                await self._requests_flow.wait()
                writer.write(data)
                await writer.drain()

    async def _carry_answers(self, reader: StreamReader, writer: StreamWriter, connection: _Connection) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await connection.answers_flow.wait()
                await self._answers_flow.wait()
                writer.write(data)
                await writer.drain()
