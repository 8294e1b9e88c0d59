"""Waiting for what must become true, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02


async def until(look: Callable[[], Awaitable[T]], what: str, seconds: float) -> T:
    """The first true answer of `look`. Raises `TimeoutError`, naming `what` and the last answer."""
    deadline = monotonic() + seconds
    while not (answer := await look()):
        if monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what} (last seen: {answer!r})")
        await asyncio.sleep(PAUSE_SECONDS)
    return answer
