"""WhatsApp by the Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages).

A business may only begin a talk by an approved template, so what is sent is its name and the words for its blanks.
"""

import httpx

from domain.errors import BusinessRefusalError, OutageError
from domain.messaging.notices import Notice
from gateways.messaging.channel import ADDRESS_GONE, REFUSED, accepted_id, member, post

GONE = {131026, 131030}
"""Cloud API error codes for: the number takes no message, the number is not allowed."""
LATER = {4, 80007, 130429, 131048, 131056}
"""Rate limits, which come as 400."""
ACCOUNT = {0, 190, 131005, 131031}
"""The token or the account is refused."""


class WhatsAppCloud:
    """One message is one JSON post."""

    provider = "whatsapp"

    def __init__(self, http: httpx.AsyncClient, base: str, *, sender: str, token: str) -> None:
        """`sender` is the id of the business's phone number."""
        self._http = http
        self._url = f"{base}/{sender}/messages"
        self._headers = {"Authorization": f"Bearer {token}"}

    async def send(self, notice: Notice) -> str:
        """See `ChannelSender.send`."""
        blanks = [{"type": "text", "text": text} for text in notice.parameters]
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": notice.number.removeprefix("+"),
            "type": "template",
            "template": {
                "name": notice.template,
                "language": {"code": notice.language},
                "components": [{"type": "body", "parameters": blanks}],
            },
        }
        answer = await post(self._http, self._url, json=body, headers=self._headers)
        if answer.is_success:
            return accepted_id(answer, "messages", 0, "id")
        code = member(answer, "error", "code")
        if code in LATER or code in ACCOUNT:
            raise OutageError("later, or the account is refused")
        raise BusinessRefusalError(ADDRESS_GONE if code in GONE else REFUSED)
