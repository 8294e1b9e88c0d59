"""What push services mean when they say no."""

import pytest

from domain.errors import BusinessRefusalError, OutageError, UnknownOutcomeError
from gateways.messaging.channel import ADDRESS_GONE, REFUSED
from gateways.messaging.web_push import refusal_of


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (None, "Missing keys value: auth", ADDRESS_GONE),
        (404, "", ADDRESS_GONE),
        (410, "", ADDRESS_GONE),
        (403, "the VAPID credentials do not correspond to those of the subscription", ADDRESS_GONE),
        (400, '{"reason":"VapidPkHashMismatch"}', ADDRESS_GONE),
        (400, '{"reason":"BadTtl"}', REFUSED),
        (413, "", REFUSED),
    ],
)
def test_what_is_refused_for_good(status: int | None, said: str, code: str) -> None:
    refusal = refusal_of(status, said)
    assert isinstance(refusal, BusinessRefusalError)
    assert refusal.code == code


@pytest.mark.parametrize(("status", "said"), [(401, ""), (429, ""), (403, '{"reason":"BadJwtToken"}')])
def test_what_is_ours_to_mend_costs_nobody_their_device(status: int, said: str) -> None:
    assert isinstance(refusal_of(status, said), OutageError)


def test_what_may_have_been_taken_is_unknown() -> None:
    assert isinstance(refusal_of(502, ""), UnknownOutcomeError)
