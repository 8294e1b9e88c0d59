"""Push to browsers (RFC 8030), encrypted for the browser (RFC 8291) and signed by our VAPID key (RFC 8292)."""

import aiohttp
import msgspec
from pywebpush import WebPushException, webpush_async

from domain.errors import BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.messaging.notices import Notice
from domain.messaging.push_services import is_push_service
from gateways.messaging.channel import ADDRESS_GONE, CALL_SECONDS, REFUSED

LIFE_SECONDS = 24 * 60 * 60
"""How long the push service keeps a message for a browser that sleeps."""
GONE = (403, 404, 410)
"""403: the subscription was made with another VAPID key (RFC 8292, section 4.2), so no message of ours reaches it."""
APPLE_REFUSES_US = "BadJwtToken"
"""Apple's 403 when our subject or our clock is wrong: nothing about the address."""
APPLE_OTHER_KEY = "VapidPkHashMismatch"
"""Apple's 400 for what others answer 403 to."""
MALFORMED = (ValueError, TypeError, KeyError)


class WebPush:
    """One message is one POST to the address that the browser got from its maker."""

    provider = "webpush"

    def __init__(self, *, vapid_key: str, subject: str, origins: tuple[str, ...]) -> None:
        """`subject` is a `mailto:` or `https:` address of ours; `origins` are push services beside the known ones."""
        self._key = vapid_key
        self._subject = subject
        self._origins = origins

    async def send(self, notice: Notice) -> str:
        """See `ChannelSender.send`."""
        device = notice.device
        if device is None or not is_push_service(device.token, self._origins):
            raise BusinessRefusalError(ADDRESS_GONE)
        said = {"messageId": notice.message_id, "title": notice.title, "body": notice.body, "url": notice.url}
        try:
            answer = await webpush_async(
                {"endpoint": device.token, "keys": {"p256dh": device.p256dh or "", "auth": device.auth or ""}},
                msgspec.json.encode(said).decode(),
                vapid_private_key=self._key,
                vapid_claims={"sub": self._subject},
                ttl=LIFE_SECONDS,
                timeout=CALL_SECONDS,
            )
        except WebPushException as error:
            raise refusal_of(getattr(error.response, "status", None), error.message) from None
        except aiohttp.ClientConnectorError:
            raise OutageError("not reached") from None
        except (TimeoutError, aiohttp.ClientError):
            raise UnknownOutcomeError("no answer") from None
        except MALFORMED:
            raise BusinessRefusalError(ADDRESS_GONE) from None  # the subscription's keys are none
        return notice.message_id if isinstance(answer, str) else answer.headers.get("Location", notice.message_id)


def refusal_of(status: int | None, said: str) -> Exception:
    """What a push service's answer of no means in our words; `said` contains its body."""
    if status in (401, 429) or APPLE_REFUSES_US in said:
        return OutageError("later, or the key is refused")
    if status is None or status in GONE or APPLE_OTHER_KEY in said:
        # Without a status: the library found the subscription's keys unusable before any call.
        return BusinessRefusalError(ADDRESS_GONE)
    return UnknownOutcomeError("answered 5xx") if status >= 500 else BusinessRefusalError(REFUSED)
