"""The random commands of `tests/workflow/test_random_orders.py` while their worker is killed again and again."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from temporalio.client import Client

from bootstrap import Services
from stack.embedded import EmbeddedStack
from tests.integration.conftest import NewPerson, new_person, services
from tests.workflow.conftest import Academy, worker_temporal
from tests.workflow.random_orders.world import HASTY, OPEN, World

__all__ = ["new_person", "services", "worker_temporal"]

SAMPLE = (4, 8)
FULL = (6, 20)
"""Worlds, and commands in each."""

LIVES_FOR_SECONDS = (1.0, 6.0)
"""How long a worker lives; a task that it took with it is given to the next one after ten seconds."""

PATIENCE_SECONDS = 120.0


@asynccontextmanager
async def mortal_worker(servers: EmbeddedStack, dice: random.Random) -> AsyncIterator[list[float]]:
    """A worker process that dies by SIGKILL and is started again, until the end; the lives that it had."""
    lives: list[float] = []

    async def kill_and_restart() -> None:
        while True:
            life = dice.uniform(*LIVES_FOR_SECONDS)
            await asyncio.sleep(life)
            await servers["worker"].kill()
            lives.append(life)
            await servers["worker"].start()

    await servers["worker"].start()
    killer = asyncio.create_task(kill_and_restart())
    try:
        yield lives
    finally:
        killer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killer
        await servers["worker"].stop()


@pytest_asyncio.fixture(loop_scope="session")
async def academies(
    services: Services, worker_temporal: Client, new_person: NewPerson
) -> AsyncIterator[tuple[Academy, Academy]]:
    """One whose orders stay open and one whose orders expire at once; without a worker."""
    open_, hasty = (Academy(services, worker_temporal, policy, new_person) for policy in (OPEN, HASTY))
    yield open_, hasty
    await open_.close()
    await hasty.close()


@pytest.mark.chaos
async def test_killed_workers_leave_what_a_plain_model_says(
    servers: EmbeddedStack, academies: tuple[Academy, Academy], request: pytest.FixtureRequest, seed: int
) -> None:
    worlds, commands = FULL if request.config.getoption("--full-chaos") else SAMPLE
    async with mortal_worker(servers, random.Random(seed)) as lives:
        async with asyncio.TaskGroup() as group:
            for number in range(worlds):
                group.create_task(World(*academies, seed + number, PATIENCE_SECONDS).play(commands))
        while not lives:  # all of them were quicker than the first death
            await World(*academies, seed + worlds, PATIENCE_SECONDS).play(commands)
            worlds += 1
    print(f"{worlds} worlds of {commands} commands, {len(lives)} killed workers, seed {seed}")
