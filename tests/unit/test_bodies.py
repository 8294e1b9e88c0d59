"""Bodies that do not come in time, or not to their end."""

import asyncio
from typing import Any

import pytest

from api.http.bodies import BodyInTime
from api.http.problems import ProblemError

SCOPE: Any = {"type": "http"}


async def nobody(_: Any) -> None: ...


async def read_all(_scope: Any, receive: Any, _send: Any) -> None:
    while (await receive()).get("more_body"):
        pass


async def code_of(receive: Any, *, silence: float = 60, whole: float = 60, app: Any = read_all) -> str:
    """The problem that reading this body ends with."""
    with pytest.raises(ProblemError) as caught:
        async with asyncio.timeout(20):
            await BodyInTime(app, silence, whole)(SCOPE, receive, nobody)
    assert caught.value.headers == {"Connection": "close"}
    return caught.value.code


async def test_silence_ends_it() -> None:
    assert await code_of(asyncio.Event().wait, silence=0.01) == "body_too_slow"


async def test_drops_without_silence_end_it() -> None:
    async def drop() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b" ", "more_body": True}

    assert await code_of(drop, whole=0.05) == "body_too_slow"


async def test_a_route_of_large_bodies_gives_them_more_time() -> None:
    class Handler:
        opt = {"body_seconds": 60.0}  # noqa: RUF012

    drops = [{"type": "http.request", "body": b" ", "more_body": more} for more in (True, True, False)]

    async def drop() -> Any:
        await asyncio.sleep(0.1)
        return drops.pop(0)

    scope: Any = {"type": "http", "route_handler": Handler()}
    await BodyInTime(read_all, 60, 0.05)(scope, drop, nobody)
    assert drops == []


async def test_an_end_before_the_end_is_the_callers_fault() -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    assert await code_of(gone) == "malformed_body"


async def test_once_the_body_is_whole_nothing_is_timed() -> None:
    """Whoever waits for the caller to go waits as long as the answer takes."""
    messages = [{"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}]
    got: list[str] = []

    async def slow_end() -> Any:
        await asyncio.sleep(1.5 if len(messages) == 1 else 0)
        return messages.pop(0)

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        got.extend([(await receive())["type"], (await receive())["type"]])

    await BodyInTime(app, 1, 1)(SCOPE, slow_end, nobody)
    assert got == ["http.request", "http.disconnect"]
