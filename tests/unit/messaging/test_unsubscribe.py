"""Links to unsubscribe: ours, of any of our keys, and nobody else's."""

from domain.identity.email_links import LinkPurpose, LinkTokens
from domain.messaging.telling import Category
from domain.messaging.unsubscribe import UnsubscribeTokens

OLD, NEW = "an old key of at least 32 bytes, surely", "a new key of at least 32 bytes, surely"


def test_a_link_outlives_the_rotation_of_keys() -> None:
    token = UnsubscribeTokens([OLD]).issue("person", Category.MARKETING)
    assert UnsubscribeTokens([NEW, OLD]).read(token) == ("person", Category.MARKETING)
    assert UnsubscribeTokens([NEW]).read(token) is None


def test_what_is_changed_means_nothing() -> None:
    tokens = UnsubscribeTokens([NEW])
    token = tokens.issue("person", Category.MARKETING)
    for bad in (
        token.replace("person", "another"),
        token.replace("marketing", "reminder"),
        token + "A",
        f"person.transactional.{token.rpartition('.')[2]}",
        LinkTokens([NEW]).issue("person", LinkPurpose.VERIFY_EMAIL),
        "पता.marketing.x",
        "",
        "." * 300,
    ):
        assert tokens.read(bad) is None, bad


def test_keys_of_their_own_outlive_a_login_key_and_both_are_accepted() -> None:
    def tokens(login: str, own: str = "") -> UnsubscribeTokens:
        return UnsubscribeTokens.from_settings(own, f"l:{login}")

    meant = ("person", Category.MARKETING)
    old, new = "an-old-login-key-of-at-least-32-bytes", "a-new-login-key-of-at-least-32-bytes"
    by_login = tokens(old).issue(*meant)
    mails = "m:a-key-of-mails-of-at-least-32-bytes"
    by_own = tokens(old, mails).issue(*meant)
    assert tokens(old, mails).read(by_login) == meant
    assert tokens(new, mails).read(by_own) == meant
    assert tokens(new, mails).read(by_login) is None
