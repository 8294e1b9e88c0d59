"""An account and the adopter's own login, linked by hand when both are proved, and unlinked again."""

import asyncio
from typing import Any

import httpx
import pytest

from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.conftest import PASSWORD, NewPerson, Person, bearer
from tests.integration.identity.conftest import AUTH, World, trail_of
from tests.integration.identity.issuer_stand_in import StandInIssuer

LOGINS = f"{AUTH}/external-logins"


async def logged_in(world: World, person: Person) -> dict[str, str]:
    answer = await world.http.post(f"{AUTH}/login", json={"email": person.email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["accessToken"])


async def link(world: World, headers: dict[str, str], token: str, password: str = PASSWORD) -> httpx.Response:
    return await world.http.post(LOGINS, json={"token": token, "password": password}, headers=headers)


def as_doctor(issuer: StandInIssuer, subject: str, **more: Any) -> str:
    return issuer.token(subject, **({"realm_access": {"roles": ["doctor"]}} | more))


async def test_linked_by_hand_it_opens_the_account_also_without_an_address(
    world: World, issuer: StandInIssuer, new_person: NewPerson
) -> None:
    person, subject = await new_person(), new_id()
    headers, token = await logged_in(world, person), as_doctor(issuer, subject, email=None)
    assert await world.status(token) == (403, "login_without_email")

    answer = await link(world, headers, token)

    assert answer.status_code == 200, answer.text
    me = await world.me(token)
    assert (me["id"], me["roles"]) == (person.id, ["Doctor"])
    again = await link(world, headers, token)
    assert (again.status_code, again.json()) == (200, answer.json()), "repeating it changes nothing"
    listed = (await world.http.get(LOGINS, headers=headers)).json()
    assert listed == {"items": [answer.json()]}
    assert answer.json()["issuer"] == issuer.url
    assert subject not in answer.text
    assert await trail_of(person.id) == ["login.linked", "user.roles_changed"]


async def test_unlinked_it_opens_nothing_and_its_roles_are_gone(
    world: World, issuer: StandInIssuer, new_person: NewPerson
) -> None:
    person, subject = await new_person(), new_id()
    await fetch("UPDATE users SET email_verified_at = now() WHERE id = $1", person.id)
    headers, token = await logged_in(world, person), as_doctor(issuer, subject, email=person.email)
    assert (await world.me(token))["roles"] == ["Doctor"], "linked by its verified address"
    [item] = (await world.http.get(LOGINS, headers=headers)).json()["items"]

    for _ in range(2):
        gone = await world.http.delete(f"{LOGINS}/{item['id']}", headers=headers)
        assert gone.status_code == 204

    assert await world.status(token) == (403, "login_not_linked"), "and is not linked by its address again"
    assert await world.status(as_doctor(issuer, subject, email="other@clinic.example")) == (403, "login_not_linked")
    user = await fetch_one("SELECT roles FROM users WHERE id = $1", person.id)
    assert user is not None
    assert user["roles"] == [Role.STUDENT]
    assert (await world.http.get(LOGINS, headers=headers)).json() == {"items": []}
    assert await trail_of(person.id) == [
        *("login.linked", "user.roles_changed", "login.unlinked", "user.roles_changed")
    ]
    assert (await link(world, headers, token)).status_code == 200, "by hand it is linked again"
    assert (await world.me(token))["id"] == person.id


async def test_roles_that_no_claim_gave_stay(world: World, issuer: StandInIssuer, new_person: NewPerson) -> None:
    person = await new_person(Role.INSTRUCTOR)
    headers = await logged_in(world, person)
    item = (await link(world, headers, issuer.token(new_id()))).json()
    assert (await world.http.delete(f"{LOGINS}/{item['id']}", headers=headers)).status_code == 204
    user = await fetch_one("SELECT roles FROM users WHERE id = $1", person.id)
    assert user is not None
    assert user["roles"] == [Role.INSTRUCTOR]


async def test_both_logins_have_to_be_proved(world: World, issuer: StandInIssuer, new_person: NewPerson) -> None:
    person = await new_person()
    headers = await logged_in(world, person)
    token = issuer.token(new_id())
    wrong = await link(world, headers, token, "not the password at all")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "password")
    for refused in ("", "no.token", issuer.token(new_id(), aud="somebody-else"), issuer.token(new_id(), exp=1)):
        answer = await link(world, headers, refused)
        assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "external_login_refused"
    assert (await world.http.post(LOGINS, json={"token": token, "password": PASSWORD})).status_code == 401
    assert await fetch("SELECT FROM external_identities WHERE user_id = $1", person.id) == []
    issuer.is_down = True
    issuer.add_rsa("k2", use="sig", alg="RS256")
    down = await link(world, headers, issuer.token(new_id(), "k2"))
    assert (down.status_code, down.json()["code"]) in [
        (503, "service_unavailable"),
        (422, "external_login_refused"),  # keys were read a moment ago, and this one was not among them
    ]


async def test_one_login_opens_one_account_and_one_account_has_one(
    world: World, issuer: StandInIssuer, new_person: NewPerson
) -> None:
    first, second = await new_person(), await new_person()
    token = issuer.token(new_id())
    headers = [await logged_in(world, person) for person in (first, second)]
    answers = await asyncio.gather(*(link(world, each, token) for each in headers))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [loser] = [index for index, answer in enumerate(answers) if answer.status_code == 409]
    assert answers[loser].json()["code"] == "external_login_taken"
    winner = headers[1 - loser]
    other = await link(world, winner, issuer.token(new_id()))
    assert (other.status_code, other.json()["code"]) == (409, "external_login_exists")
    item = answers[1 - loser].json()
    not_theirs = await world.http.delete(f"{LOGINS}/{item['id']}", headers=headers[loser])
    assert not_theirs.status_code == 404
    assert (await world.http.delete(f"{LOGINS}/{item['id']}", headers=winner)).status_code == 204
    assert (await link(world, headers[loser], token)).status_code == 200, "unlinked there, linked here"


async def test_an_account_of_the_issuer_alone_keeps_its_only_door(world: World, issuer: StandInIssuer) -> None:
    token = issuer.token(new_id())
    await world.me(token)
    [item] = (await world.http.get(LOGINS, headers=bearer(token))).json()["items"]
    for answer in (
        await world.http.delete(f"{LOGINS}/{item['id']}", headers=bearer(token)),
        await link(world, bearer(token), issuer.token(new_id())),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "login_elsewhere")


async def test_without_the_setting_nothing_is_linked(
    client: httpx.AsyncClient, issuer: StandInIssuer, new_person: NewPerson
) -> None:
    person = await new_person()
    pair = (await client.post(f"{AUTH}/login", json={"email": person.email, "password": PASSWORD})).json()
    answer = await client.post(
        LOGINS, json={"token": issuer.token(new_id()), "password": PASSWORD}, headers=bearer(pair["accessToken"])
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "external_login_refused")
    assert issuer.asked == []


@pytest.mark.parametrize("tries", [11])
async def test_the_password_is_guessed_here_no_more_often_than_at_the_login(
    world: World, issuer: StandInIssuer, new_person: NewPerson, tries: int
) -> None:
    headers = await logged_in(world, await new_person())
    token = issuer.token(new_id())
    answers = [(await link(world, headers, token, f"guess number {number}")).status_code for number in range(tries)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {422}
