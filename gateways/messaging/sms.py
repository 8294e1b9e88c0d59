"""SMS by Twilio's Messages API (https://www.twilio.com/docs/messaging/api/message-resource)."""

import httpx

from domain.errors import BusinessRefusalError, OutageError
from domain.messaging.notices import Notice
from gateways.messaging.channel import ADDRESS_GONE, REFUSED, accepted_id, member, post

GONE = {21211, 21214, 21217, 21610, 21614}
"""Twilio's error codes for: invalid number, not reachable, not valid, opted out by STOP, no mobile number."""


class TwilioSms:
    """One message is one form post, signed by the account's token."""

    provider = "twilio"

    def __init__(
        self, http: httpx.AsyncClient, base: str, *, account: str, token: str, sender: str, receipts_url: str
    ) -> None:
        self._http = http
        self._url = f"{base}/2010-04-01/Accounts/{account}/Messages.json"
        self._login = (account, token)
        self._sender = sender
        self._receipts_url = receipts_url

    async def send(self, notice: Notice) -> str:
        """See `ChannelSender.send`."""
        text = f"{notice.body} {notice.url}".strip()
        form = {"To": notice.number, "From": self._sender, "Body": text, "StatusCallback": self._receipts_url}
        answer = await post(self._http, self._url, data=form, auth=self._login)
        if answer.is_success:
            return accepted_id(answer, "sid")
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise OutageError("the account is refused")  # a person mends the settings
        raise BusinessRefusalError(ADDRESS_GONE if member(answer, "code") in GONE else REFUSED)
