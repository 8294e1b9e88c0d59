"""From a generated case to the request that is sent: kinds of spoiling (docs/fuzzing.md)."""

import copy
import json
import random
import string
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET

from tests.fuzz.good import NOTHING, Parts
from tests.fuzz.verdicts import AnyCase

JSON = "application/json"
UNSAFE_IN_HEADERS = ("\r", "\n", "\0")


class Kind(StrEnum):
    """How a request is made."""

    GOOD = "good"
    GENERATED = "generated"
    NASTY = "nasty"
    IDS = "ids"
    RAW = "raw"
    NEARLY = "nearly"


NASTY: list[Any] = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\ufeff\u202e\u200d",
    "\x1b[31m\x7f\x85",
    "9" * 400,
    "-1",
    "1e400",
    "NaN",
    "0.0000000001",
    "٣٤",
    "x" * 20_000,
    # No index holds it, and no compression makes it small.
    "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=4_000)),
    "../../etc/passwd",
    "%00%ff%2e",
    "a/b?c#d",
    "' OR 1=1; --",
    "{{7*7}}${jndi:x}",
    "0001-01-01T00:00:00Z",
    "+999999-12-31T23:59:60Z",
    "=" * 40,
    "🧘🏽‍♀️" * 50,
    "",
    " ",
    2**63,
    -(2**63) - 1,
    10**400,
    1e308,
    True,
    None,
    [],
    {},
    [[[[[]]]]],
]
RAW_BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b'{"a":}',
    b"\xff\xfe\x00",
    b'{"email":"\xff"}',
    b'\xef\xbb\xbf{"email":"a"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"limit":1e999}',
    b'{"amount":' + b"9" * 5_000 + b"}",
    b'{"email":"\\ud800","email":"b"}',
    b'{"payloads":[{"data":"*"}]}',
    b'{"payloads":[{"metadata":{"encoding":"YmluYXJ5L2VuY3J5cHRlZA=="},"data":"AAAA"}]}',
    b"%00=%ff&a",
]
RAW_TYPES = [JSON, JSON, JSON, "application/json; charset=utf-16", "text/plain", "", "image/png", "a\xff/\xe9"]
RAW_HEADERS = [
    {"Idempotency-Key": "\xff\xfe"},
    {"Idempotency-Key": "k" * 9_000},
    {"If-None-Match": 'W/"\xff", *, ,,'},
    {"Cookie": "codec_access=\x01; ;=;a"},
    {"Accept-Language": "\xe0hi;q=x"},
    {"Accept": "image/png;q=-1"},
    {"X-Forwarded-For": "::::,%,\xff"},
    {"User-Agent": "\xff" * 300},
    {"Origin": "null"},
    {"Stripe-Signature": "t=9" + "9" * 400 + ",v1=\xe9"},
    {"X-Razorpay-Signature": "\xe9"},
    {"X-Twilio-Signature": "\xe9"},
    {"X-Hub-Signature-256": "sha256=\xe9"},
    {"Range": "bytes=9-1"},
    {"Authorization": "Bearer \xff.\xff.\xff"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIiwia2lkIjpbXX0.e30."},
    {"Authorization": "Bearer " + "a" * 20_000},
    {"Authorization": "Basic Og=="},
]


def cases_of(operation: Any) -> st.SearchStrategy[AnyCase]:
    """Generated cases of an operation: by its schema, and against it where there is something to be against."""
    raw = operation.definition.raw
    valid: st.SearchStrategy[AnyCase] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    against = "requestBody" in raw or any(one["in"] in ("query", "header") for one in raw.get("parameters", []))
    return valid | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) if against else valid


def parts_of(case: AnyCase) -> Parts:
    """What Schemathesis generated; its path parameters are quoted already."""
    body = NOTHING if case.body is NOT_SET else case.body
    headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
    return Parts(dict(case.path_parameters or {}), dict(case.query or {}), headers, body)


def spoiled(kind: Kind, made: Parts, known: Callable[[str], str], sound: Parts, rng: random.Random) -> Parts:
    """The request of this kind from what was generated and from the good one; `known` gives an id that exists."""
    parts = copy.deepcopy(sound)
    parts.body = sound.body if sound.body is NOTHING else parts.body
    # What the good request needs not name.
    parts.path = {name: value for name, value in {**made.path, **quoted(parts.path)}.items() if name in made.path}
    match kind:
        case Kind.GENERATED:
            return made
        case Kind.IDS:
            return Parts({name: quote(known(name)) for name in made.path}, made.query, made.headers, made.body)
        case Kind.NEARLY:
            _mix(parts, made, rng)
        case Kind.NASTY:
            _spoil_one(parts, made, rng)
        case Kind.RAW:
            _spoil_wire(parts, rng)
    return parts


def quoted(path: dict[str, str]) -> dict[str, str]:
    """Values as they stand in a path; halves of UTF-16 pairs as the bytes that no UTF-8 has."""
    return {name: quote(str(value).encode("utf-8", "surrogatepass"), safe="") or "%20" for name, value in path.items()}


def content_of(body: Any) -> bytes:
    """The body's bytes."""
    if body is NOTHING:
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def headers_of(parts: Parts) -> list[tuple[bytes, bytes]]:
    """Headers as an HTTP server would let them through."""
    headers = dict(parts.headers)
    if parts.body is not NOTHING and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = JSON
    return [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in ((name, str(value)) for name, value in headers.items())
        if name and not any(sign in name + value for sign in UNSAFE_IN_HEADERS)
    ]


def query_of(query: dict[str, Any]) -> str:
    """The query string."""
    pairs = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in query.items())
    return urlencode([(_bytes(name), _bytes(value)) for name, value in pairs])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _mix(parts: Parts, made: Parts, rng: random.Random) -> None:
    """One thing as generated."""
    choices: list[Callable[[], None]] = []
    if isinstance(parts.body, dict) and isinstance(made.body, dict) and made.body:
        name = rng.choice(sorted(made.body))
        choices.append(lambda: parts.body.update({name: made.body[name]}))
    choices += [lambda: parts.query.update(made.query)] if made.query else []
    choices += [lambda: parts.path.update(made.path)] if made.path else []
    choices += [lambda: parts.headers.update(made.headers)] if made.headers else []
    if choices:
        rng.choice(choices)()


def _spoil_one(parts: Parts, made: Parts, rng: random.Random) -> None:
    """One value replaced by one that breaks programs."""
    value = rng.choice(NASTY)
    places: list[Callable[[], None]] = [lambda p=p, k=k: p.__setitem__(k, value) for p, k in leaves_of(parts.body)]  # type: ignore[misc]
    places += [lambda n=n: parts.path.update(quoted({n: value})) for n in parts.path]  # type: ignore[misc]
    places += [lambda n=n: parts.query.update({n: value}) for n in {**made.query, **parts.query}]  # type: ignore[misc]
    if places:
        rng.choice(places)()


def leaves_of(body: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as container and key."""
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in list(items):
        yield body, key
        yield from leaves_of(value)


def _spoil_wire(parts: Parts, rng: random.Random) -> None:
    if parts.body is not NOTHING and rng.random() < 0.6:
        parts.body = rng.choice(RAW_BODIES)
        parts.headers = {**parts.headers, "Content-Type": rng.choice(RAW_TYPES)}
    else:
        parts.headers = {**parts.headers, **rng.choice(RAW_HEADERS)}
