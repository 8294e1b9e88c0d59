"""Asking for links by mail and using them, over HTTP."""

from typing import Any

import httpx

from bootstrap import Services
from db.sql import fetch_one
from domain.identity.email_links import LinkTokens
from domain.identity.signing_keys import signing_keys
from tests.integration.conftest import Person
from tests.integration.identity.conftest import AUTH

NEW = "quite another few words"


async def ask_for_reset(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post(f"{AUTH}/password-resets", json={"email": email})


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> tuple[int, str]:
    answer = await client.post(f"{AUTH}/password-resets/confirm", json={"token": token, "password": password})
    return answer.status_code, answer.json()["code"] if answer.content else ""


async def verify(client: httpx.AsyncClient, token: str) -> tuple[int, str]:
    answer = await client.post(f"{AUTH}/email-verifications/confirm", json={"token": token})
    return answer.status_code, answer.json()["code"] if answer.content else ""


async def can_log_in(client: httpx.AsyncClient, person: Person, password: str) -> bool:
    answer = await client.post(f"{AUTH}/login", json={"email": person.email, "password": password})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def verified_at(email: str) -> Any:
    row = await fetch_one("SELECT email_verified_at FROM users WHERE email = $1", email)
    assert row is not None
    return row["email_verified_at"]


def links_of(services: Services) -> LinkTokens:
    return LinkTokens(signing_keys(services.settings.jwt_keys.get_secret_value()).values())


REFUSED = (400, "link_refused")
