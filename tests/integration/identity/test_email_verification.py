"""Addresses verified: over HTTP, with the mails that a worker would send."""

import httpx

from bootstrap import Services
from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.email_links import LinkPurpose
from tests.integration.conftest import PASSWORD, NewPerson, bearer
from tests.integration.identity.conftest import AUTH, Mails
from tests.integration.identity.recovering import REFUSED, links_of, reset, verified_at, verify
from tests.integration.identity.test_sessions import log_in


async def test_registering_sends_a_link_that_verifies_the_address(http: httpx.AsyncClient, mails: Mails) -> None:
    email = f"{new_id()}@example.org"
    body = {"email": email, "password": PASSWORD, "name": "Visit evil.example now"}
    registered = await http.post(f"{AUTH}/register", json=body)
    assert (registered.status_code, registered.json()["emailVerifiedAt"]) == (201, None)
    [mail] = await mails.of(email)
    assert mail["subject"] == "Please verify your e-mail"
    assert "evil" not in str(mail), "a stranger's words do not go to whoever owns the address"
    token = await mails.token(email)
    assert await verify(http, token) == (204, "")
    at = await verified_at(email)
    assert at is not None
    assert await verify(http, token) == (204, ""), "mail scanners and double clicks"
    assert await verified_at(email) == at


async def test_another_verification_can_be_asked_for(
    http: httpx.AsyncClient, mails: Mails, new_person: NewPerson
) -> None:
    person = await new_person()
    login = bearer((await log_in(http, person))["accessToken"])
    assert (await http.post(f"{AUTH}/email-verifications", headers=login)).status_code == 202
    assert await verify(http, await mails.token(person.email)) == (204, "")
    assert (await http.get(f"{AUTH}/me", headers=login)).json()["emailVerifiedAt"] is not None
    again = await http.post(f"{AUTH}/email-verifications", headers=login)
    assert (again.status_code, again.json()["code"]) == (409, "email_verified")


async def test_a_link_proves_only_the_address_that_it_was_sent_to(
    http: httpx.AsyncClient, services: Services, mails: Mails, new_person: NewPerson
) -> None:
    person, other = await new_person(), await new_person()
    login = bearer((await log_in(http, person))["accessToken"])
    await http.post(f"{AUTH}/email-verifications", headers=login)
    token = await mails.token(person.email)
    moved = f"{new_id()}@people.example"
    await fetch("UPDATE users SET email = $2 WHERE id = $1", person.id, moved)
    assert await verify(http, token) == REFUSED
    assert await verified_at(moved) is None
    assert await verified_at(other.email) is None
    assert await reset(http, token) == REFUSED, "nor is it a reset"
    assert await verify(http, links_of(services).issue(new_id(), LinkPurpose.VERIFY_EMAIL)) == REFUSED
