"""The world that fuzzing talks to, and the run's seed."""

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from temporalio.client import Client

from api.app import create_app
from api.identity import passwords
from bootstrap import Services
from domain.billing.purchase import PurchasePolicy
from domain.identity.external_login import role_mapping
from gateways.oidc.issuer import LoginIssuer
from gateways.oidc.tokens import Trust
from tests.fuzz.world import World, build_world
from tests.integration.conftest import PASSWORD, NewPerson
from tests.integration.identity.issuer_stand_in import AUDIENCE, StandInIssuer
from tests.workflow.conftest import Academy, new_person, running, services, worker_temporal

__all__ = ["new_person", "services", "worker_temporal"]


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


@pytest.fixture(scope="module")
def issuer() -> Iterator[StandInIssuer]:
    """The adopter's own login."""
    running_issuer = StandInIssuer()
    running_issuer.add_rsa("k1")
    yield running_issuer
    running_issuer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    services: Services, issuer: StandInIssuer, worker_temporal: Client, new_person: NewPerson, cheap_hashes: str
) -> AsyncIterator[World]:
    """People of every role, what they own, and a worker. No API listens for webhooks here, so that the story asks."""
    trust = Trust(AUDIENCE, "realm_access.roles", role_mapping("doctor=Doctor"))
    login = LoginIssuer(issuer.url, trust)
    app = create_app(replace(services, login_issuer=login))
    policy = PurchasePolicy(expires_after_seconds=600, first_poll_seconds=1)
    async with running(Academy(services, worker_temporal, policy, new_person)) as academy:
        yield await build_world(app, academy, issuer, new_person, cheap_hashes)
    await login.close()
