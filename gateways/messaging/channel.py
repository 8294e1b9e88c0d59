"""The one door to SMS, WhatsApp and push, and how their HTTP calls fail."""

from typing import Any, Protocol

import httpx

from domain.errors import OutageError, UnknownOutcomeError
from domain.messaging.notices import Notice

CALL_SECONDS = 4.0
"""For one call: less than a quick step has, so that its outcome is known."""

ADDRESS_GONE = "address_gone"
"""Refusal: there is no such number or device (any more), so no other message will reach it either."""
REFUSED = "message_refused"
"""Refusal: this message, not its address."""


class ChannelSender(Protocol):
    """Hands one message to a provider that knows no idempotency key."""

    provider: str
    """Names the provider in receipts and rows."""

    async def send(self, notice: Notice) -> str:
        """Hand over; the provider's id of the message.

        Raises `BusinessRefusalError(ADDRESS_GONE)` or `BusinessRefusalError(REFUSED)` when the provider will never
        take it, `OutageError` when it took nothing and may later, and `UnknownOutcomeError` when nobody can say.
        """
        ...


async def post(http: httpx.AsyncClient, url: str, **request: Any) -> httpx.Response:
    """One POST. Raises `OutageError` when nothing was accepted: no connection, or 429. Raises `UnknownOutcomeError`
    when the answer is a 5xx or none: the provider may have taken it before it fell."""
    try:
        answer = await http.post(url, **request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        raise OutageError("not reached") from None
    except httpx.HTTPError:
        raise UnknownOutcomeError("no answer") from None
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise OutageError("too many requests")
    if answer.is_server_error:
        raise UnknownOutcomeError("answered 5xx")
    return answer


def member(answer: httpx.Response, *path: str | int) -> Any:
    """A member of an answer's JSON, or `None`."""
    try:
        value = answer.json()
        for part in path:
            value = value[part]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return value


def accepted_id(answer: httpx.Response, *path: str | int) -> str:
    """The id in a 2xx. Raises `UnknownOutcomeError` when it is not there: taken, but not as documented."""
    value = member(answer, *path)
    if not isinstance(value, str) or not value:
        raise UnknownOutcomeError("an answer without an id")
    return value
