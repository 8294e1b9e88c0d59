"""Who gets a message over which channel."""

import msgspec

from domain.messaging.push_services import is_push_service
from domain.messaging.receipts import Delivery, furthest
from domain.messaging.telling import Category, Channel, Reachable, Way, ways_to

ALL = tuple(Channel)
NUMBER = "+919999999999"
EVERYTHING = Reachable(
    contact_channels={"email": True, "sms": NUMBER, "whatsapp": NUMBER},
    consents={"sms": "2026-11-25", "whatsapp": "2026-11-25"},
    device_ids=("a", "b"),
    email_is_verified=True,
)


def names(person: Reachable, category: Category) -> list[str]:
    return [way.dedupe_key("x") for way in ways_to(person, category, ALL)]


def test_who_allows_all_gets_each_channel_once_and_each_device_once() -> None:
    assert names(EVERYTHING, Category.MARKETING) == ["x:email", "x:sms", "x:whatsapp", "x:push:a", "x:push:b"]
    assert ways_to(EVERYTHING, Category.REMINDER, (Channel.SMS, Channel.SMS)) == [Way(Channel.SMS)]


def test_a_number_without_consent_and_a_consent_without_number_get_nothing() -> None:
    assert names(Reachable(contact_channels={"sms": NUMBER}, consents={}), Category.TRANSACTIONAL) == ["x:email"]
    assert names(Reachable(contact_channels={}, consents={"sms": "2026"}), Category.TRANSACTIONAL) == ["x:email"]


def test_transactional_mail_ignores_every_opt_out() -> None:
    out = tuple(f"{category}:{channel}" for category in Category for channel in Channel)
    person = Reachable(contact_channels={"email": False}, consents={}, opt_outs=out)
    assert names(person, Category.TRANSACTIONAL) == ["x:email"]
    assert names(person, Category.MARKETING) == []


def test_an_opt_out_is_of_one_category_and_one_channel() -> None:
    person = msgspec.structs.replace(EVERYTHING, device_ids=(), opt_outs=("marketing:sms",))
    assert names(person, Category.MARKETING) == ["x:email", "x:whatsapp"]
    assert names(person, Category.REMINDER) == ["x:email", "x:sms", "x:whatsapp"]


def test_marketing_goes_to_no_address_that_nobody_has_verified() -> None:
    person = msgspec.structs.replace(EVERYTHING, email_is_verified=False)
    assert names(person, Category.MARKETING) == ["x:sms", "x:whatsapp", "x:push:a", "x:push:b"]
    for category in (Category.REMINDER, Category.TRANSACTIONAL):
        assert "x:email" in names(person, category)


def test_receipts_in_any_order_say_the_furthest() -> None:
    assert furthest([Delivery.READ, Delivery.SENT, Delivery.DELIVERED]) is Delivery.READ
    assert furthest([Delivery.DELIVERED, Delivery.UNDELIVERED, Delivery.SENT]) is Delivery.DELIVERED
    assert furthest([]) is None


def test_a_subscription_may_only_name_a_push_service() -> None:
    assert is_push_service("https://fcm.googleapis.com/fcm/send/x")
    assert is_push_service("https://wns2-by3p.notify.windows.com/w/?token=x")
    for bad in (
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://fcm.googleapis.com:8443/x",
        "https://user@fcm.googleapis.com/x",
        "https://evil-notify.windows.com/x",
        "https://127.0.0.1/x",
        "http://169.254.169.254/latest",
        "https://[::1/x",
        "",
    ):
        assert not is_push_service(bad), bad
    assert is_push_service("http://127.0.0.1:8025/push/1", ("http://127.0.0.1:8025",))
    assert not is_push_service("http://127.0.0.1:8026/push/1", ("http://127.0.0.1:8025",))
