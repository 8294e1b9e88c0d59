"""Push to phones by Firebase Cloud Messaging, HTTP v1
(https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send).

The access token comes from the service account's signed assertion (RFC 7523), here by PyJWT, which we have: Google's
own library fetches it by blocking calls.
"""

import time

import httpx
import jwt
import msgspec

from domain.errors import BusinessRefusalError, OutageError, UnknownOutcomeError
from domain.messaging.notices import Notice
from gateways.messaging.channel import ADDRESS_GONE, REFUSED, accepted_id, member, post

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
RENEWED_BEFORE_SECONDS = 60
GONE = ("UNREGISTERED", "SENDER_ID_MISMATCH")
"""FCM's error codes (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode) of a token that is no more, and
of one of another project; the second comes as 403, as the refused account does."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """What is needed of the JSON file that the Firebase console gives out."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str


class FcmPush:
    """One message is one JSON post for one registration token."""

    provider = "fcm"

    def __init__(self, http: httpx.AsyncClient, base: str, account: ServiceAccount) -> None:
        self._http = http
        self._account = account
        self._url = f"{base}/v1/projects/{account.project_id}/messages:send"
        self._token = ""
        self._token_ends = 0.0

    async def send(self, notice: Notice) -> str:
        """See `ChannelSender.send`."""
        if notice.device is None:
            raise BusinessRefusalError(ADDRESS_GONE)
        message = {
            "token": notice.device.token,
            "notification": {"title": notice.title, "body": notice.body},
            "data": {"messageId": notice.message_id, "url": notice.url},
        }
        headers = {"Authorization": f"Bearer {await self._access_token()}"}
        answer = await post(self._http, self._url, json={"message": message}, headers=headers)
        if answer.is_success:
            return accepted_id(answer, "name")
        if _error_code(answer) in GONE:
            raise BusinessRefusalError(ADDRESS_GONE)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            self._token = ""
            raise OutageError("the account is refused")
        raise BusinessRefusalError(REFUSED)

    async def _access_token(self) -> str:
        if self._token and time.monotonic() < self._token_ends:
            return self._token
        now = int(time.time())
        claims = {
            "iss": self._account.client_email,
            "scope": SCOPE,
            "aud": self._account.token_uri,
            "iat": now,
            "exp": now + 3600,
        }
        assertion = jwt.encode(claims, self._account.private_key, algorithm="RS256")
        try:
            answer = await post(self._http, self._account.token_uri, data={"grant_type": GRANT, "assertion": assertion})
        except UnknownOutcomeError:
            raise OutageError("no access token") from None  # nothing was sent to anybody yet
        token, seconds = member(answer, "access_token"), member(answer, "expires_in")
        if not answer.is_success or not isinstance(token, str) or not isinstance(seconds, int):
            raise OutageError("no access token")
        self._token, self._token_ends = token, time.monotonic() + seconds - RENEWED_BEFORE_SECONDS
        return token


def _error_code(answer: httpx.Response) -> str | None:
    """FCM's own code, which stands anywhere among the details of Google's error."""
    details = member(answer, "error", "details")
    if not isinstance(details, list):
        return None
    return next((each["errorCode"] for each in details if isinstance(each, dict) and "errorCode" in each), None)
