"""An adopter with a login of its own, and the API that takes it; a person's inbox."""

import dataclasses
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from temporalio.testing import ActivityEnvironment

from activities.messages import Messages
from api.app import create_app
from bootstrap import Services, activities_of, login_issuer_of
from db.sql import fetch
from domain.identifiers import new_id
from gateways.oidc.issuer import LoginIssuer
from stack.embedded import EmbeddedStack
from tests.integration.conftest import bearer, client_of
from tests.integration.identity.issuer_stand_in import AUDIENCE, StandInIssuer

AUTH = "/api/v1/auth"


@pytest.fixture
def issuer() -> Iterator[StandInIssuer]:
    made = StandInIssuer()
    made.add_rsa("k1", use="sig", alg="RS256")
    yield made
    made.close()


@dataclasses.dataclass
class World:
    """The API with an issuer set, and the client that asks that issuer."""

    http: httpx.AsyncClient
    login: LoginIssuer

    async def status(self, token: str, path: str = f"{AUTH}/me") -> tuple[int, str]:
        answer = await self.http.get(path, headers=bearer(token))
        return answer.status_code, answer.json().get("code", "")

    async def me(self, token: str) -> Any:
        answer = await self.http.get(f"{AUTH}/me", headers=bearer(token))
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest_asyncio.fixture(loop_scope="session")
async def world(services: Services, issuer: StandInIssuer) -> AsyncIterator[World]:
    settings = services.settings.model_copy(
        update={
            "oidc_issuer": issuer.url,
            "oidc_audience": AUDIENCE,
            "oidc_role_claim": "realm_access.roles",
            "oidc_roles": "doctor=Doctor,desk=ClinicAdmin,boss=SuperAdmin",
        }
    )
    login = login_issuer_of(settings)
    assert login is not None
    app = create_app(dataclasses.replace(services, settings=settings, login_issuer=login))
    async with client_of(app, "192.0.2.40") as http:
        yield World(http, login)
    await login.close()


async def trail_of(user_id: str) -> list[str]:
    """What the audit trail says of a user, the oldest first."""
    rows = await fetch("SELECT action FROM audit_events WHERE subject_id = $1 ORDER BY at, id", user_id)
    return [row["action"] for row in rows]


class Mails:
    """What a person's inbox holds, after what is queued for them was sent."""

    def __init__(self, services: Services, port: int) -> None:
        self._send = cast(Messages, owner_of(activities_of(services), "send_message")).send
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)

    async def of(self, email: str) -> list[Any]:
        """The mails in the order of their rows; each is sent here, as the story would."""
        rows = await fetch(
            "SELECT m.id FROM outgoing_messages m JOIN users u ON u.id = m.user_id WHERE u.email = $1 ORDER BY m.id",
            email,
        )
        for row in rows:
            await ActivityEnvironment().run(self._send, row["id"])
        by_id = {mail["messageId"].strip("<>").partition("@")[0]: mail for mail in await self._listed(email)}
        return [
            (await self._http.get(f"/api/messages/{by_id[r['id']]['id']}")).json() for r in rows if r["id"] in by_id
        ]

    async def token(self, email: str) -> str:
        """The token in the newest mail with a link."""
        texts = [mail["text"] for mail in await self.of(email)]
        return [found[1] for text in texts if (found := re.search(r"#token=(\S+)", text))][-1]

    async def close(self) -> None:
        await self._http.aclose()

    async def _listed(self, email: str) -> list[Any]:
        found: list[Any] = (await self._http.get("/api/messages", params={"to": email})).json()
        return found


def owner_of(activities: list[Any], name: str) -> Any:
    return next(a.__self__ for a in activities if a.__temporal_activity_definition.name == name)


@pytest_asyncio.fixture(loop_scope="session")
async def mails(services: Services, servers: EmbeddedStack) -> AsyncIterator[Mails]:
    opened = Mails(services, servers.settings.inbox_port)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """From an address of each test's own, since requests for mails are counted."""
    async with client_of(app, f"2001:db8::{new_id()[-4:]}:{new_id()[-4:]}") as client:
        yield client
