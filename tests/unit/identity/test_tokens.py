"""Access tokens: what is accepted, and everything that is not."""

import base64
import json
import time
from datetime import timedelta

import jwt
import pytest

from api.identity.tokens import AUDIENCE, AccessTokens, TokenRefusedError
from domain.identity.roles import Role
from domain.identity.signing_keys import SigningKeyError

OLD, NEW = "old secret of at least 32 bytes long", "new secret of at least 32 bytes long"
ISSUER = "http://academy.test"
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "sid": "s", "iat": 1, "exp": 2**31}


def tokens(setting: str = f"k1:{OLD}") -> AccessTokens:
    return AccessTokens.from_setting(setting, ISSUER)


def test_a_token_names_its_user_session_roles_and_key() -> None:
    token = tokens().issue("u1", "s1", [Role.DOCTOR, Role.STUDENT])
    claims = tokens().verify(token)
    assert (claims.sub, claims.sid) == ("u1", "s1")
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "k1", "typ": "JWT"}
    body = jwt.decode(token, options={"verify_signature": False})
    assert body["roles"] == ["Doctor", "Student"]
    assert body["exp"] - body["iat"] == 900
    assert abs(body["iat"] - time.time()) < 5


def test_the_first_key_signs_and_every_key_verifies() -> None:
    before = tokens(f"k1:{OLD}").issue("u", "s", [])
    rotated = tokens(f"k2:{NEW},k1:{OLD}")
    assert rotated.verify(before).sub == "u"
    assert jwt.get_unverified_header(rotated.issue("u", "s", []))["kid"] == "k2"
    with pytest.raises(TokenRefusedError):
        tokens(f"k2:{NEW}").verify(before)


def unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    return b".".join([*parts, b""]).decode()


REFUSED = {
    "empty": "",
    "garbage": "garbage",
    "three parts": "a.b.c",
    "not ascii": "ä.ö.ü",
    "no algorithm": unsigned({"alg": "none", "kid": "k1"}, CLAIMS),
    "another algorithm": jwt.encode(CLAIMS, OLD * 2, "HS512", {"kid": "k1"}),
    "same algorithm, no key id": jwt.encode(CLAIMS, OLD, "HS256"),
    "unknown key id": jwt.encode(CLAIMS, OLD, "HS256", {"kid": "../../etc/passwd"}),
    "another secret": jwt.encode(CLAIMS, NEW, "HS256", {"kid": "k1"}),
    "expired": jwt.encode({**CLAIMS, "exp": int(time.time()) - 1}, OLD, "HS256", {"kid": "k1"}),
    "no expiry": jwt.encode({k: v for k, v in CLAIMS.items() if k != "exp"}, OLD, "HS256", {"kid": "k1"}),
    "no session": jwt.encode({k: v for k, v in CLAIMS.items() if k != "sid"}, OLD, "HS256", {"kid": "k1"}),
    "issued in the future": jwt.encode({**CLAIMS, "iat": 2**31}, OLD, "HS256", {"kid": "k1"}),
    "for others": jwt.encode({**CLAIMS, "aud": "another"}, OLD, "HS256", {"kid": "k1"}),
    "by others": jwt.encode({**CLAIMS, "iss": "http://evil.test"}, OLD, "HS256", {"kid": "k1"}),
    "session is a list": jwt.encode({**CLAIMS, "sid": ["s"]}, OLD, "HS256", {"kid": "k1"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(TokenRefusedError):
        tokens().verify(REFUSED[name])


def test_the_claims_of_the_table_are_accepted_when_nothing_is_wrong() -> None:
    assert tokens().verify(jwt.encode(CLAIMS, OLD, "HS256", {"kid": "k1"})).sid == "s"


def test_a_token_dies_at_its_expiry() -> None:
    with pytest.raises(TokenRefusedError):
        tokens().verify(tokens().issue("u", "s", [], life=timedelta(seconds=0)))


def test_a_remembered_token_dies_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = tokens()
    token = reader.issue("u", "s", [])
    assert reader.verify(token).sub == "u"
    later = time.time() + 901
    monkeypatch.setattr("api.identity.tokens.time.time", lambda: later)
    with pytest.raises(TokenRefusedError):
        reader.verify(token)


@pytest.mark.parametrize("setting", ["", ",", "k1", "k1:short", f":{OLD}", f"k1:{OLD},k1:{NEW}", f"k1:{OLD},k2:"])
def test_unusable_settings(setting: str) -> None:
    with pytest.raises(SigningKeyError) as refusal:
        tokens(setting)
    assert OLD not in str(refusal.value)
