"""Addresses of files: one method on one key, until a moment, and nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.file_tokens import FileGrant, FileTokens

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
GRANT = FileGrant("PUT", "assignments/01890a5d/upload", int(NOW.timestamp()) + 60, 1000)
TOKENS = FileTokens(["a secret of at least 32 bytes, so it is"])


def test_a_token_says_what_it_was_made_for_until_it_is_over() -> None:
    token = TOKENS.issue(GRANT)
    assert TOKENS.read(token, "PUT", NOW) == GRANT
    assert TOKENS.read(token, "PUT", NOW + timedelta(seconds=59)) == GRANT
    assert TOKENS.read(token, "PUT", NOW + timedelta(seconds=60)) is None
    assert TOKENS.read(token, "GET", NOW) is None, "who may write may not read"


def test_an_older_key_still_opens_and_a_foreign_one_does_not() -> None:
    token = TOKENS.issue(GRANT)
    assert FileTokens(["another secret of at least 32 bytes", "a secret of at least 32 bytes, so it is"]).read(
        token, "PUT", NOW
    )
    assert FileTokens(["another secret of at least 32 bytes"]).read(token, "PUT", NOW) is None


@pytest.mark.parametrize("position", [0, 5, 20, -1, -20])
def test_a_changed_letter_ends_it(position: int) -> None:
    token = TOKENS.issue(GRANT)
    letter = "A" if token[position] != "A" else "B"
    at = position % len(token)
    changed = f"{token[:at]}{letter}{token[at + 1 :]}"
    # The last letter of base64 may carry bits that are not used: then it is the same MAC, written otherwise.
    assert changed == token or TOKENS.read(changed, "PUT", NOW) is None


@given(st.text(max_size=700))
def test_any_other_text_is_no_token(text: str) -> None:
    assert TOKENS.read(text, "PUT", NOW) is None
