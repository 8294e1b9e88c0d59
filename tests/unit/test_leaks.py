"""The search of the session's logs can fail: it finds each kind of leak, and notices when it searched nothing."""

import logging
from collections.abc import Iterator
from logging import StreamHandler
from pathlib import Path

import pytest
import structlog

from domain.identifiers import new_id
from domain.identity.email_links import LinkPurpose, LinkTokens
from stack.process import PROJECT
from tests.leaks.kinds import PATTERNS, Leak, leaks_in
from tests.leaks.values import values_of_stacks, values_of_tests
from tests.leaks.watch import LEAST_LINES, LogWatch

JWT = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImRldiJ9.eyJzdWIiOiJ1In0.c2ln"
LEAKS = {
    "e-mail address": ["asha.nair+a@mail.example.org", '{"event":"login","user_id":"Asha@Example.ORG"}'],
    "phone number": ["to +919812345678", '{"event":"x","reason":"+14155550123"}'],
    "GSTIN": ["gstin=27AAPFU0939F1ZV"],
    "login": ["authorization: Bearer 0123456789abcdef"],
    "JWT": [f'{{"event":"{JWT}"}}'],
    "token": [
        "refreshToken 8fJ2-kQ1mZ0_sVb7nXcW3yLpR5tUaE6gHiO9dTqSeB4",
        f"/verify?token={LinkTokens(['k' * 32]).issue(new_id(), LinkPurpose.VERIFY_EMAIL)}",
    ],
    "provider's key": ["sk_test_x", "key=sk_live_51H", "whsec_abc", "rzp_test_K1"],
    "payment's secret": ["pi_3Abc_secret_9xYz"],
    "private key": ["-----BEGIN PRIVATE KEY-----"],
    "URL with a password": ["postgresql://academy:hunter2@127.0.0.1:5432/academy", "redis://:pw@localhost/0"],
    "word about health": ['{"event":"course","reason":"diabetes-management"}', "her Diagnosis", "a prescription"],
}
HARMLESS = [
    '{"event":"request","route":"/api/v1/prescriptions/{id}","request_id":"01a211e7-514a-73f5-bac6-6a4393ddedc3"}',
    '{"event":"unexpected_error","logger":"db.prescriptions","frames":["/srv/db/prescriptions.py:12 read_diagnosis"]}',
    "2026-11-25 08:50:52.266 UTC [32633] LOG:  listening on IPv4 address 127.0.0.1, port 29318",
    "level=WARN WorkerID=temporal-system@127.0.0.1:35763 identity=4711@machine.local",
    "tests/unit/billing/test_a_long_name_of_a_test_is_no_token.py::test_the_same_key_and_body_answer_the_same",
    "2026-11-25T08:51:09.728+05:30 https://user.example/path",
]


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in LEAKS.items() for line in lines])
def test_each_kind_is_found_with_its_line(kind: str, line: str) -> None:
    assert Leak(2, kind) in leaks_in(f"harmless\n{line}\n", {})


def test_every_kind_is_tried() -> None:
    assert set(LEAKS) == set(PATTERNS)


def test_known_values_are_found() -> None:
    assert list(leaks_in("a\nsaid Asha Nair\n", {"Asha Nair": "name", "Ravi Menon": "name"})) == [(2, "name")]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_leak_is_left_alone(line: str) -> None:
    assert list(leaks_in(line, {})) == []


def test_the_tests_own_passwords_are_known() -> None:
    known = values_of_tests(PROJECT / "tests")
    for password in ("a few unrelated words", "demo-password-of-the-tests", "of the demo", "whsec_integration"):
        assert password in known


def test_a_stacks_own_secrets_are_known(tmp_path: Path) -> None:
    (tmp_path / "session" / "accounts").mkdir(parents=True)
    (tmp_path / "session" / "postgres.password").write_text("0123456789abcdef0123")
    (tmp_path / "session" / "accounts" / "fcm.pem").write_text("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n")
    known = values_of_stacks(tmp_path)
    assert {"0123456789abcdef0123", "MIIEvQIBADANBgkqhkiG", "whsec_development_only"} <= set(known)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[LogWatch]:
    """A watch of its own; the session's, which must not see these leaks, gets its place back."""
    root = logging.getLogger()
    of_session, configuration = [h for h in root.handlers if type(h) is StreamHandler], structlog.get_config()
    for handler in of_session:
        root.removeHandler(handler)
    (tmp_path / "stack" / "logs").mkdir(parents=True)
    opened = LogWatch(tmp_path)
    yield opened
    opened.close()
    assert not any(type(handler) is StreamHandler for handler in root.handlers)
    for handler in of_session:
        root.addHandler(handler)
    structlog.configure(**configuration)


def test_a_leak_is_told_by_file_line_and_kind_and_not_by_value(watch: LogWatch, tmp_path: Path) -> None:
    (tmp_path / "stack" / "logs" / "api.log").write_text("{}\nwhsec_leaked\n")
    (tmp_path / "stack" / "logs" / "worker.log.old").write_text("+919812345678\n")
    watch.keep("jobs", "asha@example.org")
    logging.getLogger("elsewhere").warning("Asha said %s", "x", extra={"reason": "+919812345678"})
    watch.close()
    assert sorted(watch.verdict(whole_suite=False)) == [
        "kept/in-process.log:1: phone number",
        "kept/jobs.log:1: e-mail address",
        "stack/logs/api.log:2: provider's key",
        "stack/logs/worker.log.old:1: phone number",
    ]


def test_a_search_that_found_nothing_to_read_fails(watch: LogWatch, tmp_path: Path) -> None:
    watch.close()
    assert watch.verdict(whole_suite=False) == [], "nothing was started"
    (tmp_path / "stack" / "logs" / "api.log").touch()
    assert watch.verdict(whole_suite=False) == ["api: ran and wrote no line"]
    told = watch.verdict(whole_suite=True)
    assert [line.partition(":")[0] for line in told] == [*LEAST_LINES, "api"]
    for file in (tmp_path / "kept").iterdir():
        file.unlink()
    (tmp_path / "stack" / "logs" / "api.log").unlink()
    assert "no log was found" in watch.verdict(whole_suite=False)
