"""A load generator that costs a fraction of what it measures: keep-alive sockets on one epoll loop, no parsing."""

import selectors
import socket
from collections.abc import Iterator, Sequence
from time import perf_counter

import msgspec


class Load(msgspec.Struct, frozen=True):
    """What was answered, and in how many seconds."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


class UnexpectedAnswerError(Exception):
    """An answer was not the 200 that was asked for, or not of the usual length."""


def exchange(port: int, path: str, headers: str = "") -> bytes:
    """One whole answer, head and body. Raises `UnexpectedAnswerError` unless it is a 200."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(get_request(port, path, headers))
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise UnexpectedAnswerError(head.decode("latin-1"))
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def drive(port: int, path: str, *, connections: int, seconds: float) -> Load:
    """Ask for one path on every connection, again as soon as it is answered, for `seconds`.

    Every answer has to be as long as the first, so that counting bytes is enough.
    Raises `UnexpectedAnswerError`.
    """
    usual = len(exchange(port, path))
    request = get_request(port, path)
    with selectors.DefaultSelector() as selector:
        sockets = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(connections)]
        missing = dict.fromkeys(sockets, usual)
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each, selectors.EVENT_READ)
            each.sendall(request)
        answered = 0
        began = perf_counter()
        while perf_counter() - began < seconds:
            for key, _ in selector.select(1):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                data = connection.recv(262144)
                if missing[connection] == usual and not data.startswith(b"HTTP/1.1 200 "):
                    raise UnexpectedAnswerError(data[:200].decode("latin-1"))
                missing[connection] -= len(data)
                if missing[connection] < 0:
                    raise UnexpectedAnswerError("longer than usual")
                if missing[connection] == 0:
                    answered += 1
                    missing[connection] = usual
                    connection.sendall(request)
        took = perf_counter() - began
        for each in sockets:
            each.close()
    return Load(answered, took)


def get_request(port: int, path: str, headers: str = "") -> bytes:
    """A whole request; `headers` are whole lines."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n{headers}\r\n".encode()


def drive_each(port: int, senders: Sequence[Iterator[bytes]], *, seconds: float) -> Load:
    """One connection for each sender, which gives whole requests: the next as soon as the one before is answered.

    Raises `UnexpectedAnswerError` for anything but a 2xx with a `Content-Length`.
    """
    with selectors.DefaultSelector() as selector:
        sockets = []
        for sender in senders:
            each = socket.create_connection(("127.0.0.1", port), timeout=10)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each, selectors.EVENT_READ, _Talk(sender))
            sockets.append(each)
            each.sendall(next(sender))
        answered = 0
        began = perf_counter()
        while perf_counter() - began < seconds:
            for key, _ in selector.select(1):
                connection, talk = key.fileobj, key.data
                assert isinstance(connection, socket.socket)
                talk.got += connection.recv(65536)
                if _is_whole(talk.got):
                    answered += 1
                    talk.got = b""
                    connection.sendall(next(talk.sender))
        took = perf_counter() - began
        for each in sockets:
            each.close()
    return Load(answered, took)


class _Talk:
    """What goes over one connection."""

    def __init__(self, sender: Iterator[bytes]) -> None:
        self.sender = sender
        self.got = b""


def _is_whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 2"):
        raise UnexpectedAnswerError(got[:400].decode("latin-1"))
    return len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


def post_request(port: int, path: str, body: bytes, headers: str = "") -> bytes:
    """A whole request; `headers` are whole lines."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
