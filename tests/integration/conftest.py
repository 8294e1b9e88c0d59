"""What integration tests share: open services, the API on them, and people with a session."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from api.app import create_app
from api.identity.passwords import hash_password
from bootstrap import Services, open_services
from db.queries.identity.accounts import open_session
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from stack.embedded import EmbeddedStack

PASSWORD = "a few unrelated words"


@dataclass(frozen=True)
class Person:
    """Somebody with an account, made without the API."""

    id: str
    email: str
    roles: tuple[Role, ...]


NewPerson = Callable[..., Awaitable[Person]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def services(servers: EmbeddedStack) -> AsyncIterator[Services]:
    """The services of API and worker, on the session's servers. `db.engine.DB` is connected, too."""
    async with open_services(servers.settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def app(services: Services) -> Litestar:
    """The API, in this process."""
    return create_app(services)


@asynccontextmanager
async def client_of(app: Litestar, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of an app in this process that seems to call from `address`."""
    transport = httpx.ASGITransport(cast(Any, app), client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://academy.test") as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the API in this process; it carries no login."""
    async with client_of(app) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def new_person(services: Services) -> NewPerson:
    """Makes a person with these roles, whose password is `PASSWORD`."""
    password_hash = await hash_password(PASSWORD)

    async def make(*roles: Role) -> Person:
        person_id = new_id()
        person = Person(person_id, f"{person_id}@people.example", roles or (Role.STUDENT,))
        await fetch(
            """INSERT INTO users (id, email, password_hash, name, roles, locale, time_zone, contact_channels, consents)
               VALUES ($1, $2, $3, 'Test Person', $4, 'en', 'Asia/Kolkata', '{"email": true}', '{}')""",
            *(person.id, person.email, password_hash, list(person.roles)),
        )
        return person

    return make


async def token_of(app: Litestar, person: Person) -> str:
    """An access token of a new session of this person, without the cost of a login."""
    session = await open_session(person.id, new_id(), datetime.now(UTC) + timedelta(days=1))
    token: str = app.state.access_tokens.issue(person.id, session, list(person.roles))
    return token


def bearer(token: str) -> dict[str, str]:
    """The header of a login."""
    return {"Authorization": f"Bearer {token}"}
