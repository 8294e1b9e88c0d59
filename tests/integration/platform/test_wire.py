"""What no HTTP library sends, over a socket to the real process: bodies that stop or lie, and garbage."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api.http.bodies import BODY_SILENCE_SECONDS
from stack.embedded import EmbeddedStack
from stack.process import HOST, Part

HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: academy\r\nContent-Type: application/json\r\n"
BODY = b'{"email":"nobody@people.example","password":"a few unrelated words"}'
PATIENCE_SECONDS = BODY_SILENCE_SECONDS + 20.0


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def process(servers: EmbeddedStack) -> AsyncIterator[Part]:
    part = servers["api"]
    await part.start()
    yield part
    await part.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def port(process: Part, servers: EmbeddedStack) -> int:
    return servers.settings.api_port


async def talk(port: int, sent: bytes, *, ends: bool = False) -> bytes:
    """All that the server says until it closes; `ends` closes our side first."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(sent)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read()
    finally:
        writer.close()


async def until_closed(port: int, head: bytes) -> None:
    """Send chunks without end, until the server has enough of them."""
    _, writer = await asyncio.open_connection(HOST, port)
    with contextlib.suppress(ConnectionError):
        writer.write(head)
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()


def status_of(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(b" ", 2)[1])


def with_length(length: object) -> bytes:
    """A login whose `Content-Length` says this."""
    return HEAD + f"Content-Length: {length}\r\n\r\n".encode() + BODY


async def test_a_body_that_stops_coming_ends_with_408(port: int, process: Part) -> None:
    """Its length is a lie, or its caller waits for ever: for the server it is the same."""
    answers = await asyncio.gather(
        talk(port, with_length(len(BODY) + 100)),
        talk(port, HEAD + b"Content-Length: 500\r\n\r\n"),
        talk(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        talk(port, HEAD.replace(b"auth/login", b"webhooks/stripe") + b"Content-Length: 500\r\n\r\n{"),
    )
    for answer in answers:
        assert status_of(answer) == 408, answer
        assert b'"code":"body_too_slow"' in answer
        assert b"application/problem+json" in answer
        assert answer.count(b"HTTP/1.1") == 1, "the connection is of no more use"
    assert '"unexpected_error"' not in process.log_tail()


async def test_a_body_that_is_cut_off_is_no_defect_of_ours(port: int, process: Part) -> None:
    for sent in (with_length(len(BODY) + 100), HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
        answer = await talk(port, sent, ends=True)
        assert (status_of(answer), b'"code":"malformed_body"' in answer) == (400, True), answer
    assert '"unexpected_error"' not in process.log_tail()


async def test_a_length_that_is_too_short_is_not_believed_beyond_its_end(port: int) -> None:
    """What follows is the next request, and is none."""
    answer = await talk(port, with_length(10))
    assert status_of(answer) == 400
    assert b'"code":"malformed_body"' in answer
    assert answer.count(b"HTTP/1.1 400") == answer.count(b"HTTP/1.1") == 2


@pytest.mark.parametrize("length", [-1, "many", "+68", "0x44", 10**23, "", "68, 69"])
async def test_a_length_that_is_no_number_is_refused_at_once(port: int, length: object) -> None:
    assert status_of(await talk(port, with_length(length))) == 400


async def test_two_lengths_are_refused(port: int) -> None:
    """What a proxy and we would read differently lets a request be smuggled (RFC 9112 §11.2)."""
    assert status_of(await talk(port, HEAD + b"Content-Length: 10\r\n" + with_length(68)[len(HEAD) :])) == 400


async def test_an_announced_giant_is_refused_before_it_comes(port: int) -> None:
    answer = await talk(port, with_length(5_000_000_000))
    assert (status_of(answer), b'"code":"body_too_large"' in answer) == (413, True)


LARGE = b"x" * 3 * 1024 * 1024
LARGE_HEAD = f"Host: academy\r\nContent-Length: {len(LARGE)}\r\n".encode()
NEXT = b"GET /health/live HTTP/1.1\r\nHost: academy\r\nConnection: close\r\n\r\n"
EARLY = {
    "no login": (b"POST /api/v1/auth/logout HTTP/1.1\r\n", 401),
    "no such route": (b"POST /api/v1/nowhere HTTP/1.1\r\n", 404),
    "no such method": (b"PUT /health/live HTTP/1.1\r\n", 405),
    "too large": (b"POST /api/v1/auth/login HTTP/1.1\r\nContent-Type: application/json\r\n", 413),
    "another media type": (b"POST /api/v1/auth/login HTTP/1.1\r\nContent-Type: text/csv\r\n", 415),
    "a body that nobody wants": (b"GET /health/live HTTP/1.1\r\n", 200),
}


@pytest.mark.parametrize(("line", "status"), EARLY.values(), ids=EARLY)
async def test_an_answer_that_does_not_wait_for_the_body_is_not_lost(port: int, line: bytes, status: int) -> None:
    """Whoever still sends when the server closes gets a reset in place of the answer; here even the next one comes."""
    answers = await talk(port, line + LARGE_HEAD + b"\r\n" + LARGE + NEXT)
    assert answers.count(b"HTTP/1.1 ") == 2, answers
    assert status_of(answers) == status
    assert status_of(answers[answers.index(b"HTTP/1.1 ", 1) :]) == 200


async def test_an_early_answer_does_not_wait_for_ever(port: int) -> None:
    """The caller has fallen silent, or never stops: what it gets, and whether, is its own affair."""
    line, status = EARLY["no login"]
    assert status_of(await talk(port, line + LARGE_HEAD + b"Connection: close\r\n\r\nx")) == status
    await asyncio.wait_for(
        until_closed(port, line + b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n"), PATIENCE_SECONDS
    )


async def test_a_caller_who_asks_first_is_not_asked_to_send(port: int) -> None:
    for line, status in EARLY.values():
        answer = await talk(port, line + LARGE_HEAD + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        assert status_of(answer) == status
    asking = f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode()
    answer = await talk(port, HEAD + asking + BODY)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401")
    asking = b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    answer = await talk(port, HEAD + asking + 40 * (b"10000\r\n" + LARGE[:0x10000] + b"\r\n") + b"0\r\n\r\n" + NEXT)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413")
    assert b"HTTP/1.1 200" in answer, "once asked to send, it is drained as others are"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400),
        (b"GET /api/v1/courses/\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
        (b"GET /health/live HTTP/1.1\r\n" + b"X: a\r\n" * 2_000 + b"\r\n", 431),
        (b"GET /api/v1/courses/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /api/v1/courses/%ff%fe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /api/v1/courses?q=%ff%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 422),
        (b"FROB /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    ],
)
async def test_garbage_is_refused_and_nothing_breaks(port: int, process: Part, sent: bytes, status: int) -> None:
    assert status_of(await talk(port, sent)) == status
    assert '"unexpected_error"' not in process.log_tail()
    alive = await talk(port, b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert status_of(alive) == 200
