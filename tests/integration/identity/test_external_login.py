"""The adopter's own login: whose account a token opens, with which roles, and what stays the issuer's."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from db.queries.identity.external_identities import follow_claim, user_of_identity
from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.conftest import PASSWORD, NewPerson, bearer
from tests.integration.identity.conftest import AUTH, World, trail_of
from tests.integration.identity.issuer_stand_in import StandInIssuer


def with_roles(*roles: str) -> dict[str, Any]:
    return {"realm_access": {"roles": list(roles)}}


async def test_the_first_token_makes_an_account_and_the_next_finds_it(world: World, issuer: StandInIssuer) -> None:
    subject = new_id()
    token = issuer.token(subject, **with_roles("doctor", "offline_access"))
    me = await world.me(token)
    assert (me["email"], me["name"], me["roles"]) == (f"{subject}@clinic.example", "Asha Menon", ["Doctor"])
    assert await world.me(token) == me
    assert await world.me(issuer.token(subject, email="moved@clinic.example", **with_roles("doctor"))) == me
    assert await trail_of(me["id"]) == ["login.first_seen"]
    user = await fetch_one("SELECT password_hash, email_verified_at FROM users WHERE id = $1", me["id"])
    assert user is not None
    assert user["password_hash"] is None
    assert user["email_verified_at"] is not None
    # The same sign-in opens the courses' routes.
    assert await world.status(token, "/api/v1/me/enrollments") == (200, "")


async def test_requests_of_one_person_at_once_make_one_account(world: World, issuer: StandInIssuer) -> None:
    token = issuer.token(new_id())
    answers = await asyncio.gather(*(world.me(token) for _ in range(6)))
    assert len({me["id"] for me in answers}) == 1
    assert len([path for path in issuer.asked if path.endswith("/certs")]) == 1, "the keys are asked for once"


async def test_without_the_setting_such_a_token_opens_nothing(client: httpx.AsyncClient, issuer: StandInIssuer) -> None:
    assert (await client.get(f"{AUTH}/me", headers=bearer(issuer.token(new_id())))).status_code == 401
    assert issuer.asked == []


async def test_our_own_logins_work_beside(world: World, issuer: StandInIssuer, new_person: NewPerson) -> None:
    person = await new_person()
    pair = (await world.http.post(f"{AUTH}/login", json={"email": person.email, "password": PASSWORD})).json()
    issuer.is_down = True
    assert (await world.me(pair["accessToken"]))["id"] == person.id
    assert issuer.asked == []


async def test_roles_follow_the_newest_token(world: World, issuer: StandInIssuer) -> None:
    subject, now = new_id(), int(time.time())
    first = issuer.token(subject, iat=now - 20, **with_roles("desk", "boss"))
    assert (await world.me(first))["roles"] == ["ClinicAdmin", "SuperAdmin"]
    second = issuer.token(subject, iat=now - 10, **with_roles("desk"))
    me = await world.me(second)
    assert me["roles"] == ["ClinicAdmin"]
    # The older token still opens the account, and brings nothing back.
    assert (await world.me(first))["roles"] == ["ClinicAdmin"]
    body: dict[str, Any] = {"json": {"payloads": []}, "headers": bearer(first)}
    assert (await world.http.post("/codec/decode", **body)).status_code == 403
    assert await trail_of(me["id"]) == ["login.first_seen", "user.roles_changed"]
    assert (await world.me(issuer.token(subject)))["roles"] == ["Student"], "no role that we know"


async def test_of_tokens_at_once_the_newest_counts(world: World, issuer: StandInIssuer) -> None:
    """Both requests have read the user before either has written: the statement itself must tell old from new."""
    subject, now = new_id(), int(time.time())
    await world.me(issuer.token(subject, iat=now - 30))
    user = await user_of_identity(issuer.url, subject)
    assert user is not None
    newer, older = [datetime.fromtimestamp(now - age, UTC) for age in (10, 20)]
    assert await follow_claim(user, [Role.DOCTOR], newer) == [Role.DOCTOR]
    assert await follow_claim(user, [Role.SUPER_ADMIN], older) == [Role.DOCTOR]


@pytest.mark.parametrize("realm_access", [None, [], "doctor", {"roles": None}, {"roles": [1, None, {}]}, {"roles": {}}])
async def test_a_role_claim_of_another_form_gives_a_learner(
    world: World, issuer: StandInIssuer, realm_access: Any
) -> None:
    assert (await world.me(issuer.token(new_id(), realm_access=realm_access)))["roles"] == ["Student"]


async def verify_address(user_id: str) -> None:
    await fetch("UPDATE users SET email_verified_at = now() WHERE id = $1", user_id)


async def test_a_learners_account_is_linked_when_both_sides_know_the_address(
    world: World, issuer: StandInIssuer, new_person: NewPerson
) -> None:
    person, subject = await new_person(), new_id()
    await verify_address(person.id)
    me = await world.me(issuer.token(subject, email=person.email.upper(), **with_roles("doctor")))
    assert (me["id"], me["roles"]) == (person.id, ["Doctor"])
    assert await trail_of(person.id) == ["login.linked", "user.roles_changed"]
    # The address given to somebody else at the issuer does not open it.
    assert await world.status(issuer.token(new_id(), email=person.email)) == (403, "login_not_linked")


@pytest.mark.parametrize("why", ["issuer does not vouch", "not verified here", "disabled", *Role])
async def test_no_account_is_linked_otherwise(
    world: World, issuer: StandInIssuer, new_person: NewPerson, why: str
) -> None:
    person = await new_person(*([Role(why)] if why in list(Role) else []))
    if why != "not verified here":
        await verify_address(person.id)
    if why == "disabled":
        await fetch("UPDATE users SET disabled_at = now() WHERE id = $1", person.id)
    vouched = None if why == "issuer does not vouch" else "true"
    answer = await world.status(issuer.token(new_id(), email=person.email, email_verified=vouched))
    is_learner = why in (Role.STUDENT, Role.PATIENT)
    assert answer == ((200, "") if is_learner else (403, "login_not_linked"))
    assert ("login.linked" in await trail_of(person.id)) == is_learner


async def test_an_address_nobody_vouches_for_is_not_verified(world: World, issuer: StandInIssuer) -> None:
    me = await world.me(issuer.token(new_id(), email_verified=False))
    user = await fetch_one("SELECT email_verified_at FROM users WHERE id = $1", me["id"])
    assert user is not None
    assert user["email_verified_at"] is None


@pytest.mark.parametrize("email", [None, "", "no address", "a@b"])
async def test_no_address_no_account(world: World, issuer: StandInIssuer, email: str | None) -> None:
    assert await world.status(issuer.token(new_id(), email=email)) == (403, "login_without_email")


async def test_a_login_that_is_known_needs_no_address(world: World, issuer: StandInIssuer) -> None:
    subject = new_id()
    me = await world.me(issuer.token(subject))
    assert await world.me(issuer.token(subject, email=None, email_verified=None)) == me


async def test_a_disabled_account_is_shut(world: World, issuer: StandInIssuer) -> None:
    token = issuer.token(new_id())
    me = await world.me(token)
    await fetch("UPDATE users SET disabled_at = now() WHERE id = $1", me["id"])
    assert await world.status(token) == (403, "account_disabled")


async def test_what_belongs_to_the_issuer_is_not_done_here(world: World, issuer: StandInIssuer) -> None:
    token = issuer.token(new_id())
    answer = await world.http.post(f"{AUTH}/logout", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (409, "login_elsewhere")
    assert (await world.http.get(f"{AUTH}/sessions", headers=bearer(token))).json() == {"items": []}


async def test_an_account_of_the_issuer_has_no_password(world: World, issuer: StandInIssuer) -> None:
    me = await world.me(issuer.token(new_id()))
    for password in ("", "None", PASSWORD):
        answer = await world.http.post(f"{AUTH}/login", json={"email": me["email"], "password": password})
        assert (answer.status_code, answer.json()["code"]) == (401, "credentials_refused")


async def test_one_subject_at_two_issuers_is_two_people(
    world: World, issuer: StandInIssuer, new_person: NewPerson
) -> None:
    person, subject = await new_person(), new_id()
    await fetch(
        "INSERT INTO external_identities (id, user_id, issuer, subject, roles_as_of)"
        " VALUES ($1, $2, 'https://login.example', $3, now())",
        *(new_id(), person.id, subject),
    )
    assert (await world.me(issuer.token(subject)))["id"] != person.id
