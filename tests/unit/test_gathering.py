"""Gathering: everybody is answered, whoever leaves, fails or comes too late."""

import asyncio
from collections.abc import Sequence

import pytest

from api.gathering import Gatherer
from domain.errors import OutageError


class Work:
    """Doubles numbers; refuses 13; can be held up, and be out."""

    def __init__(self) -> None:
        self.gatherings: list[list[int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.is_out = False

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.gatherings.append(list(items))
        await self.may_end.wait()
        if self.is_out:
            raise OutageError("out")
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]


async def test_what_comes_meanwhile_is_done_together() -> None:
    work = Work()
    gatherer = Gatherer(work, longest_wait=60)
    assert await asyncio.gather(*map(gatherer.add, range(5))) == [0, 2, 4, 6, 8]
    work.may_end.clear()
    first = asyncio.create_task(gatherer.add(1))
    await until(lambda: len(work.gatherings) == 2)
    others = [asyncio.create_task(gatherer.add(n)) for n in (2, 3)]
    await asyncio.sleep(0)
    work.may_end.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6]
    assert work.gatherings == [[0, 1, 2, 3, 4], [1], [2, 3]]


async def test_nobody_waits_for_a_gathering_that_hangs() -> None:
    work = Work()
    gatherer = Gatherer(work, longest_wait=0.001)
    work.may_end.clear()
    hanging = asyncio.create_task(gatherer.add(1))
    await until(lambda: bool(work.gatherings))
    second = asyncio.create_task(gatherer.add(2))
    await until(lambda: len(work.gatherings) == 2)
    work.may_end.set()
    assert (await hanging, await second) == (2, 4)


async def test_one_who_leaves_takes_nobody_along() -> None:
    work = Work()
    gatherer = Gatherer(work)
    work.may_end.clear()
    leaves, stays = asyncio.create_task(gatherer.add(1)), asyncio.create_task(gatherer.add(2))
    await until(lambda: bool(work.gatherings))
    leaves.cancel()
    work.may_end.set()
    assert await stays == 4
    assert work.gatherings == [[1, 2]], "what was given is done"
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_nobody_fails_for_another_and_all_for_an_outage() -> None:
    work = Work()
    gatherer = Gatherer(work)
    answers = await asyncio.gather(*map(gatherer.add, (1, 13, 2)), return_exceptions=True)
    assert [answers[0], answers[2]] == [2, 4]
    assert isinstance(answers[1], ValueError)
    assert work.gatherings == [[1, 13, 2], [1], [13], [2]]
    work.is_out = True
    answers = await asyncio.gather(*map(gatherer.add, (1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OutageError, OutageError]
    assert work.gatherings[4:] == [[1, 2]]
    work.is_out = False
    assert await gatherer.add(4) == 8


async def test_too_many_are_told_at_once_and_big_gatherings_are_split() -> None:
    work = Work()
    gatherer = Gatherer(work, most_together=2, most_waiting=3)
    answers = await asyncio.gather(*map(gatherer.add, range(5)), return_exceptions=True)
    assert answers[:3] == [0, 2, 4]
    assert [type(answer) for answer in answers[3:]] == [OutageError, OutageError]
    assert sorted(map(len, work.gatherings)) == [1, 2]


async def until(is_so: object) -> None:
    assert callable(is_so)
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.001)
