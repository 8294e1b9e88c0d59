"""The adopter's own login: which tokens open what, whose account they open, and what happens while it is down."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from db.queries.identity.external_identities import follow_claim, user_of_identity
from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.conftest import PASSWORD, NewPerson, bearer
from tests.integration.identity.conftest import AUTH, World
from tests.integration.identity.issuer_stand_in import StandInIssuer


def with_roles(*roles: str) -> dict[str, Any]:
    return {"realm_access": {"roles": list(roles)}}


def at_hour(monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    """Stop the clock of the keys' age and of the pause between two tries; tokens live by another one."""
    monkeypatch.setattr("gateways.oidc.issuer.monotonic", lambda: 3600.0 * hour)


async def trail_of(user_id: str) -> list[str]:
    rows = await fetch("SELECT action FROM audit_events WHERE subject_id = $1 ORDER BY at, id", user_id)
    return [row["action"] for row in rows]


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


async def test_elliptic_keys_and_a_slash_at_the_end(world: World, issuer: StandInIssuer) -> None:
    issuer.slash = "/"
    issuer.add_ec("e1")
    assert await world.status(issuer.token(new_id(), "e1")) == (200, "")
    # To the letter what the configuration says, once it has been read.
    assert await world.status(issuer.token(new_id(), "e1", iss=issuer.url)) == (401, "login_required")


def encoded(part: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def forged_with_the_public_key(issuer: StandInIssuer) -> str:
    """HS256 with the PEM of the RSA key as its secret: what a verifier that believes the header takes."""
    private, _ = issuer.keys["k1"]
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = encoded({"alg": "HS256", "kid": "k1", "typ": "JWT"}) + b"." + encoded(issuer.claims(new_id()))
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + mac).decode()


def forgeries(issuer: StandInIssuer) -> dict[str, str]:
    now = int(time.time())
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own_key = RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    good = issuer.token(new_id())
    header, body, signature = good.split(".")
    claims = issuer.claims(new_id())
    issuer.add_rsa("short", bits=1024)
    issuer.add_rsa("for encryption", use="enc")
    issuer.add_rsa("for another algorithm", alg="RS512")
    issuer.published.append({"kty": "oct", "kid": "secret", "k": base64.urlsafe_b64encode(b"x" * 32).decode()})
    made = {
        "alg none": (encoded({"alg": "none", "kid": "k1"}) + b"." + encoded(claims) + b".").decode(),
        "alg none in capitals": (encoded({"alg": "NONE", "kid": "k1"}) + b"." + encoded(claims) + b".").decode(),
        "HS256 with the public key": forged_with_the_public_key(issuer),
        "HS256 with a published secret": jwt.encode(claims, b"x" * 32, "HS256", {"kid": "secret"}),
        "RS512 by the right key": jwt.encode(claims, issuer.keys["k1"][0], "RS512", {"kid": "k1"}),
        "PS256 by the right key": jwt.encode(claims, issuer.keys["k1"][0], "PS256", {"kid": "k1"}),
        "a stranger's key": jwt.encode(claims, stranger, "RS256", {"kid": "k1"}),
        "a stranger's key in the header": jwt.encode(claims, stranger, "RS256", {"kid": "k1", "jwk": own_key}),
        "a stranger's key at an address": jwt.encode(
            claims, stranger, "RS256", {"kid": "k1", "jku": f"{issuer.url}/evil", "x5u": f"{issuer.url}/evil"}
        ),
        "a path as key id": jwt.encode(claims, stranger, "RS256", {"kid": "../../../../dev/null"}),
        "an address as key id": jwt.encode(claims, stranger, "RS256", {"kid": f"{issuer.url}/evil"}),
        "no key id": jwt.encode(claims, issuer.keys["k1"][0], "RS256"),
        "a critical header that nobody knows": issuer.token(new_id(), header={"crit": ["b64x"], "b64x": True}),
        "signature cut off": f"{header}.{body}.",
        "another body": f"{header}.{encoded(claims).decode()}.{signature}",
        "too short a key": issuer.token(new_id(), "short"),
        "a key for encryption": issuer.token(new_id(), "for encryption"),
        "a key for another algorithm": issuer.token(new_id(), "for another algorithm"),
        "for another program": issuer.token(new_id(), aud="appointments"),
        "for nobody": issuer.token(new_id(), aud=None),
        "by another issuer": issuer.token(new_id(), iss="https://evil.example"),
        "by an issuer that begins alike": issuer.token(new_id(), iss=issuer.url + ".evil.example"),
        "by nobody": issuer.token(new_id(), iss=None),
        "expired": issuer.token(new_id(), iat=now - 900, exp=now - 31),
        "not yet": issuer.token(new_id(), nbf=now + 600),
        "issued in the future": issuer.token(new_id(), iat=now + 600),
        "no expiry": issuer.token(new_id(), exp=None),
        "no issue time": issuer.token(new_id(), iat=None),
        "no subject": issuer.token(new_id(), sub=None),
        "an expiry that no calendar holds": issuer.token(new_id(), exp=10**30),
    }  # fmt: skip
    assert len(set(made.values())) == len(made)
    return made


async def test_forgeries(world: World, issuer: StandInIssuer) -> None:
    tokens = forgeries(issuer)
    before = await fetch_one("SELECT count(*) FROM users")
    taken = {name: await world.status(token) for name, token in tokens.items()}
    assert {name: answer for name, answer in taken.items() if answer != (401, "login_required")} == {}
    assert await fetch_one("SELECT count(*) FROM users") == before
    assert {path.rpartition("/")[2] for path in issuer.asked} == {"openid-configuration", "certs"}
    assert await world.status(issuer.token(new_id())) == (200, ""), "and a good one is taken"


async def test_clocks_may_differ_a_little(world: World, issuer: StandInIssuer) -> None:
    now = int(time.time())
    assert await world.status(issuer.token(new_id(), iat=now + 15, nbf=now + 15)) == (200, "")
    assert await world.status(issuer.token(new_id(), exp=now - 15)) == (200, "")


async def test_a_token_dies_although_it_was_found_good(
    world: World, issuer: StandInIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token(new_id())
    assert await world.status(token) == (200, "")
    later = time.time() + 331
    monkeypatch.setattr("gateways.oidc.tokens.time.time", lambda: later)
    assert await world.status(token) == (401, "login_required")


async def test_our_own_logins_work_beside(world: World, issuer: StandInIssuer, new_person: NewPerson) -> None:
    person = await new_person()
    pair = (await world.http.post(f"{AUTH}/login", json={"email": person.email, "password": PASSWORD})).json()
    issuer.is_down = True
    assert (await world.me(pair["accessToken"]))["id"] == person.id
    assert issuer.asked == []


async def test_new_keys_are_found_and_old_ones_forgotten(
    world: World, issuer: StandInIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_hour(monkeypatch, 0)
    old = issuer.token(new_id())
    assert await world.status(old) == (200, "")
    issuer.add_rsa("k2")
    new = issuer.token(new_id(), "k2")
    asked = len(issuer.asked)
    assert await world.status(new) == (401, "login_required"), "asked again only after a pause"
    assert len(issuer.asked) == asked

    at_hour(monkeypatch, 1)
    assert await world.status(new) == (200, "")
    assert await world.status(old) == (200, ""), "both are published"
    issuer.withdraw("k1")
    at_hour(monkeypatch, 2)
    # Known keys are renewed in the background: the first answer may still be the old one's.
    assert await world.status(old) == (200, "")
    async with asyncio.timeout(10):
        while (await world.status(old))[0] == 200:
            await asyncio.sleep(0.01)
    assert await world.status(old) == (401, "login_required")
    assert await world.status(new) == (200, "")


async def test_unknown_key_ids_do_not_make_us_ask_without_end(
    world: World, issuer: StandInIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_hour(monkeypatch, 0)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    tokens = [jwt.encode(issuer.claims(new_id()), stranger, "RS256", {"kid": f"guess {n}"}) for n in range(50)]
    answers = await asyncio.gather(*(world.status(token) for token in tokens))
    assert set(answers) == {(401, "login_required")}
    assert len(issuer.asked) == 2


async def test_while_the_issuer_is_down(world: World, issuer: StandInIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    at_hour(monkeypatch, 0)
    issuer.is_down = True
    token = issuer.token(new_id())
    for _ in range(2):  # also while no new try is made
        assert await world.status(token) == (503, "service_unavailable")
    issuer.is_down = False
    at_hour(monkeypatch, 1)
    assert await world.status(token) == (200, "")

    issuer.is_down = True
    at_hour(monkeypatch, 2)
    assert await world.status(token) == (200, ""), "known keys go on working"
    issuer.add_rsa("k2")
    assert await world.status(issuer.token(new_id(), "k2")) == (503, "service_unavailable")
    assert await world.status(issuer.token(new_id())) == (200, "")
    assert await world.status(issuer.token(new_id(), iss="https://evil.example")) == (401, "login_required")


async def test_a_configuration_that_names_another_issuer_is_not_believed(world: World, issuer: StandInIssuer) -> None:
    issuer.names = "https://evil.example"
    assert await world.status(issuer.token(new_id(), iss="https://evil.example")) == (401, "login_required")
    assert await world.status(issuer.token(new_id())) == (503, "service_unavailable")


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
