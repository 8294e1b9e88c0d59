"""The adopter's own login: which tokens open something, by which keys, and what happens while it is down."""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from db.sql import fetch_one
from domain.identifiers import new_id
from tests.integration.conftest import PASSWORD, NewPerson, bearer
from tests.integration.identity.conftest import AUTH, World
from tests.integration.identity.issuer_stand_in import StandInIssuer


def at_hour(monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    """Stop the clock of the keys' age and of the pause between two tries; tokens live by another one."""
    monkeypatch.setattr("gateways.oidc.issuer.monotonic", lambda: 3600.0 * hour)


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


UNUSABLE = {
    "empty": "",
    "too long": "x" * 256,
    "too long for an index": "".join(new_id() for _ in range(200)),
    "not ASCII": "\u0936\u0902",
    "half a character": "\ud800",
    "a NUL": "a\0b",
    "a line": "a\nb",
}


@pytest.mark.parametrize("subject", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_subject_beyond_the_standard_is_said_so_and_opens_nothing(
    world: World, issuer: StandInIssuer, new_person: NewPerson, subject: str
) -> None:
    token = issuer.token(subject, email=f"{new_id()}@clinic.example")
    before = await fetch_one("SELECT count(*) FROM users")
    assert await world.status(token) == (403, "login_subject_unusable")
    assert await fetch_one("SELECT count(*) FROM users") == before
    person = await new_person()
    login = (await world.http.post(f"{AUTH}/login", json={"email": person.email, "password": PASSWORD})).json()
    answer = await world.http.post(
        f"{AUTH}/external-logins",
        json={"token": token, "password": PASSWORD},
        headers=bearer(login["accessToken"]),
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "login_subject_unusable")
    # A public page is shown to its caller as to anybody.
    assert (await world.http.get("/api/v1/courses", headers=bearer(token))).status_code == 200


async def test_the_longest_subject_of_the_standard_names_one_person(world: World, issuer: StandInIssuer) -> None:
    subject = new_id().ljust(255, "|")
    token = issuer.token(subject, email=f"{new_id()}@clinic.example")
    assert await world.me(token) == await world.me(token)


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
