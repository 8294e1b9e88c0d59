"""The world that fuzzing talks to, and the run's seed."""

import random
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from litestar import Litestar
from temporalio.client import Client

from api.identity import passwords
from bootstrap import Services
from domain.billing.purchase import PurchasePolicy
from tests.fuzz.world import World, build_world
from tests.integration.conftest import PASSWORD, NewPerson
from tests.workflow.conftest import Academy, app, new_person, running, services, worker_temporal

__all__ = ["app", "new_person", "services", "worker_temporal"]


@pytest.fixture(scope="module")
def fuzz_seed(request: pytest.FixtureRequest) -> int:
    """The seed of all choices: `--fuzz-seed`, or a new one."""
    given: int | None = request.config.getoption("--fuzz-seed")
    return random.SystemRandom().randrange(2**32) if given is None else given


@pytest.fixture(scope="module")
def cheap_hashes() -> Iterator[str]:
    """Passwords are hashed in a millisecond instead of 100: what they cost is not what is tried here."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(passwords, "_HASHER", hasher)
        patch.setattr(passwords, "_NOBODY", hasher.hash("nobody's password"))
        yield hasher.hash(PASSWORD)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    app: Litestar, services: Services, worker_temporal: Client, new_person: NewPerson, cheap_hashes: str
) -> AsyncIterator[World]:
    """People of every role, what they own, and a worker. No API listens for webhooks here, so that the story asks."""
    policy = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=1)
    async with running(Academy(services, worker_temporal, policy, new_person)) as academy:
        yield await build_world(app, academy, new_person, cheap_hashes)
