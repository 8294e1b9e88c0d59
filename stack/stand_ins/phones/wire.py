"""The wire formats: what each provider reads, checks and answers."""

import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qsl

import http_ece
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from domain.identifiers import new_id
from settings import Settings
from stack.stand_ins.http import Answer, Request, json_answer
from stack.stand_ins.phones.book import PhoneMessage, now

Taken = tuple[PhoneMessage, Answer]


class RefusedError(Exception):
    """The provider's answer to a send that it does not take."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def twilio_error(code: int, message: str, status: int = 400) -> Answer:
    """As Twilio's REST API says no."""
    return json_answer(status, {"code": code, "message": message, "status": status})


def graph_error(code: int, message: str, status: int = 400) -> Answer:
    """As the Graph API says no."""
    return json_answer(status, {"error": {"message": message, "type": "OAuthException", "code": code}})


def fcm_error(status: int, word: str) -> Answer:
    """As FCM says no."""
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details: list[dict[str, object]] = [{"@type": kind, "errorCode": word}]
    if word == "INVALID_ARGUMENT":
        violation = {"field": "message", "description": "Invalid"}
        details.insert(0, {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    return json_answer(status, {"error": {"code": status, "status": word, "details": details}})


def read_twilio(request: Request, settings: Settings) -> Taken:
    """`POST /2010-04-01/Accounts/{sid}/Messages.json`."""
    login = f"{settings.twilio_account_sid}:{settings.twilio_auth_token.get_secret_value()}"
    if request.header(b"authorization") != "Basic " + base64.b64encode(login.encode()).decode():
        raise RefusedError(twilio_error(20003, "Authenticate", 401))
    form = dict(parse_qsl(request.body.decode()))
    if not form.get("To", "").startswith("+") or not form["To"][1:].isdigit():
        raise RefusedError(twilio_error(21211, "Invalid 'To' Phone Number"))
    if not form.get("Body") or not form.get("From"):
        raise RefusedError(twilio_error(21602, "Message body is required"))
    message = PhoneMessage(
        id=f"SM{new_id().replace('-', '')}",
        provider="twilio",
        channel="SMS",
        to=form["To"],
        text=form["Body"],
        received_at=now(),
        callback=form.get("StatusCallback", ""),
    )
    return message, json_answer(201, {"sid": message.id, "status": "queued", "to": message.to, "body": message.text})


MOST_CHARACTERS = 1024
"""Of a WhatsApp template's body with its blanks filled."""


def read_whatsapp(request: Request, settings: Settings) -> Taken:
    """`POST /v23.0/{number}/messages`."""
    if request.header(b"authorization") != f"Bearer {settings.whatsapp_access_token.get_secret_value()}":
        raise RefusedError(graph_error(190, "Invalid OAuth access token", 401))
    try:
        body = json.loads(request.body)
        template = body["template"]
        words = [part["text"] for part in template["components"][0]["parameters"]]
        is_ours = body["messaging_product"] == "whatsapp" and body["type"] == "template"
    except (ValueError, KeyError, IndexError, TypeError):
        is_ours = False
    if not is_ours:
        raise RefusedError(graph_error(100, "Invalid parameter"))
    if any("\n" in word or not word for word in words):
        raise RefusedError(graph_error(132018, "Template parameters must be one line and not empty"))
    if sum(map(len, words)) > MOST_CHARACTERS:
        raise RefusedError(graph_error(132005, "Translated text too long"))
    message = PhoneMessage(
        id=f"wamid.{new_id().replace('-', '')}",
        provider="whatsapp",
        channel="WhatsApp",
        to="+" + body["to"],
        title=f"{template['name']} ({template['language']['code']})",
        text=" · ".join(words),
        received_at=now(),
    )
    contacts = [{"input": body["to"], "wa_id": body["to"]}]
    return message, json_answer(
        200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": message.id}]}
    )


def access_token(request: Request, settings: Settings) -> Answer:
    """`POST /token`: the assertion must be signed by the service account's key."""
    account = json.loads(settings.fcm_service_account.get_secret_value())
    private = load_pem_private_key(account["private_key"].encode(), None)
    key = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    form = dict(parse_qsl(request.body.decode()))
    try:
        claims = jwt.decode(form.get("assertion", ""), key, algorithms=["RS256"], audience=account["token_uri"])
    except jwt.InvalidTokenError:
        return json_answer(400, {"error": "invalid_grant"})
    if claims.get("iss") != account["client_email"] or "firebase.messaging" not in claims.get("scope", ""):
        return json_answer(400, {"error": "invalid_scope"})
    return json_answer(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})


TOKEN = "stand-in-access-token"  # noqa: S105


def read_fcm(request: Request, _settings: Settings) -> Taken:
    """`POST /v1/projects/{project}/messages:send`."""
    if request.header(b"authorization") != f"Bearer {TOKEN}":
        raise RefusedError(fcm_error(401, "UNAUTHENTICATED"))
    try:
        said = json.loads(request.body)["message"]
        to, words = said["token"], said["notification"]
        title, text = words["title"], words["body"]
        plain = all(isinstance(value, str) for value in said.get("data", {}).values())
    except (ValueError, KeyError, TypeError):
        plain = False
    if not plain:
        raise RefusedError(fcm_error(400, "INVALID_ARGUMENT"))
    name = f"projects/stand-in/messages/{new_id()}"
    message = PhoneMessage(
        id=name, provider="fcm", channel="Push (phone)", to=to, title=title, text=text, received_at=now()
    )
    return message, json_answer(200, {"name": name})


class Browser:
    """A browser that subscribed: its keys, and what it can read."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = new_id().encode()[:16]

    def subscription(self, endpoint: str) -> dict[str, object]:
        """What `PushManager.subscribe` gives to a page."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": endpoint, "keys": {"p256dh": _b64(point), "auth": _b64(self._auth)}}

    def read(self, endpoint: str, request: Request) -> Taken:
        """`POST /push/…` (RFC 8030): signed by VAPID, encrypted for this browser."""
        if not (request.header(b"authorization") or "").startswith("vapid t="):
            raise RefusedError(Answer(401, b""))
        try:
            plain = http_ece.decrypt(request.body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        except Exception:
            raise RefusedError(Answer(400, b"")) from None
        said = msgspec.json.decode(plain)
        message = PhoneMessage(
            id=f"{endpoint}/{new_id()}",
            provider="webpush",
            channel="Push (browser)",
            to=endpoint,
            title=said["title"],
            text=said["body"],
            received_at=now(),
        )
        return message, Answer(201, b"", ((b"location", message.id.encode()),))


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


REFUSALS: dict[str, dict[str, Callable[[], Answer]]] = {
    "gone": {
        "twilio": lambda: twilio_error(21614, "'To' number is not a valid mobile number"),
        "whatsapp": lambda: graph_error(131026, "Message undeliverable"),
        "fcm": lambda: fcm_error(404, "UNREGISTERED"),
        "webpush": lambda: Answer(410, b""),
    },
    "foreign": {
        "fcm": lambda: fcm_error(403, "SENDER_ID_MISMATCH"),
        "webpush": lambda: Answer(403, b"the VAPID credentials do not correspond to those of the subscription"),
    },
    "refuse": {
        "twilio": lambda: twilio_error(21605, "Body exceeds the limit"),
        "whatsapp": lambda: graph_error(132001, "Template name does not exist in the translation"),
        "fcm": lambda: fcm_error(400, "INVALID_ARGUMENT"),
        "webpush": lambda: Answer(413, b""),
    },
    "account": {
        "twilio": lambda: twilio_error(20003, "Authenticate", 401),
        "whatsapp": lambda: graph_error(190, "Invalid OAuth access token", 401),
        "fcm": lambda: json_answer(403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
        "webpush": lambda: json_answer(403, {"reason": "BadJwtToken"}),  # Apple's
    },
}
"""How each says no, by the kind of fault."""
