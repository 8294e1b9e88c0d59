"""Tokens of links: which are ours, and everything that is not."""

import jwt
import pytest

from domain.identity.email_links import LINK_LIFE, LinkPurpose, LinkTokens

OLD, NEW = "old secret of at least 32 bytes long", "new secret of at least 32 bytes long"
LINK = "019363a7-0000-7000-8000-000000000000"
RESET, VERIFY = LinkPurpose.RESET_PASSWORD, LinkPurpose.VERIFY_EMAIL


def test_a_token_names_its_link_and_is_the_same_each_time() -> None:
    token = LinkTokens([OLD]).issue(LINK, RESET)
    assert token == LinkTokens([OLD]).issue(LINK, RESET)
    assert LinkTokens([OLD]).link_of(token, RESET) == LINK
    assert len(token.partition(".")[2]) == 43, "256 bits"


def test_the_first_key_makes_them_and_every_key_reads_them() -> None:
    before = LinkTokens([OLD]).issue(LINK, RESET)
    rotated = LinkTokens([NEW, OLD])
    assert rotated.link_of(before, RESET) == LINK
    assert rotated.issue(LINK, RESET) == LinkTokens([NEW]).issue(LINK, RESET)
    assert LinkTokens([NEW]).link_of(before, RESET) is None


GOOD = LinkTokens([OLD]).issue(LINK, RESET)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        LINK,
        f"{LINK}.",
        GOOD[:-1],
        GOOD + "A",
        GOOD.swapcase(),
        " " + GOOD,
        GOOD.replace(LINK, LINK[:-1] + "1"),
        GOOD.partition(".")[2],
        "ä" + GOOD,
        GOOD + "\ud800",
        "x" * 100_000,
        LinkTokens([OLD]).issue(LINK, VERIFY),
        jwt.encode({"sub": LINK}, OLD, "HS256"),
    ],
)
def test_refused(token: str) -> None:
    assert LinkTokens([OLD]).link_of(token, RESET) is None


def test_a_reset_works_for_half_an_hour() -> None:
    assert LINK_LIFE[RESET].total_seconds() == 1800
