"""An adopter with a login of its own, and the API that takes it."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.app import create_app
from bootstrap import Services, login_issuer_of
from db.sql import fetch
from gateways.oidc.issuer import LoginIssuer
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
