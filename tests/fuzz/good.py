"""A good request for each operation: made of what exists, so that generated ones get past "not found"."""

import hmac
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from db.queries.identity.linked_logins import link_by_hand
from db.queries.reviews import write_review
from domain.identifiers import new_id
from domain.identity.email_links import LinkPurpose
from domain.identity.external_login import ExternalLogin
from domain.identity.roles import Role
from domain.identity.signing_keys import signing_keys
from domain.messaging.telling import Category
from domain.messaging.unsubscribe import UnsubscribeTokens
from gateways.messaging.signatures import twilio_signature, whatsapp_signature
from tests.fuzz.good_assignments import ASSIGNMENTS, assignment_parts
from tests.fuzz.good_authoring import AUTHORING, authoring_parts
from tests.fuzz.good_quizzes import QUIZZES, quiz_parts
from tests.fuzz.world import PURCHASE, Caller, World
from tests.integration.billing.stripe_events import signed_event
from tests.integration.conftest import PASSWORD
from tests.integration.messaging.phones import with_device

NOTHING: Any = object()
"""No body."""


@dataclass
class Parts:
    """What a request is made of; a body of bytes goes out as it is."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = NOTHING


Good = Callable[[World, Caller, random.Random], Awaitable[Parts]]
GOOD: dict[str, Good] = {}


def good(*operations: str) -> Callable[[Good], Good]:
    """Register the good request of operations."""

    def registered(make: Good) -> Good:
        GOOD.update(dict.fromkeys(operations, make))
        return make

    return registered


async def good_parts(operation_id: str, world: World, caller: Caller, rng: random.Random) -> Parts:
    """The good request; one without anything where nothing is needed."""
    if operation_id in AUTHORING:
        path, body = await authoring_parts(operation_id, world, caller)
        return Parts(path, body=NOTHING if body is None else body)
    if operation_id in ASSIGNMENTS:
        path, body = await assignment_parts(operation_id, world, caller)
        return Parts(path, body=NOTHING if body is None else body)
    if operation_id in QUIZZES:
        path, body = await quiz_parts(operation_id, world, caller)
        keyed = {"Idempotency-Key": new_id()} if operation_id == "startQuizAttempt" else {}
        return Parts(path, headers=keyed, body=NOTHING if body is None else body)
    make = GOOD.get(operation_id)
    return await make(world, caller, rng) if make else Parts()


@good("logIn")
async def log_in(world: World, caller: Caller, _: random.Random) -> Parts:
    return Parts(body={"email": world.owner(caller).email, "password": PASSWORD})


@good("register")
async def register(*_: Any) -> Parts:
    return Parts(body={"email": f"{new_id()}@people.example", "password": PASSWORD, "name": "नया Person"})


@good("refreshTokens")
async def refresh(world: World, caller: Caller, _: random.Random) -> Parts:
    return Parts(body={"refreshToken": (await world.refresh_token(world.owner(caller)))[1]})


@good("endSession")
async def end_session(world: World, caller: Caller, _: random.Random) -> Parts:
    return Parts(path={"session_id": (await world.refresh_token(world.owner(caller)))[0]})


@good("requestPasswordReset")
async def ask_for_reset(world: World, caller: Caller, _: random.Random) -> Parts:
    return Parts(body={"email": world.owner(caller).email})


@good("confirmPasswordReset")
async def reset(world: World, _caller: Caller, _: random.Random) -> Parts:
    return Parts(body={"token": await world.link(world.spare, LinkPurpose.RESET_PASSWORD), "password": PASSWORD})


@good("confirmEmailVerification")
async def verify(world: World, _caller: Caller, _: random.Random) -> Parts:
    return Parts(body={"token": await world.link(world.spare, LinkPurpose.VERIFY_EMAIL)})


@good("changePassword")
async def change_password(*_: Any) -> Parts:
    return Parts(body={"currentPassword": PASSWORD, "newPassword": PASSWORD})


@good("linkExternalLogin")
async def link_login(world: World, caller: Caller, _: random.Random) -> Parts:
    return Parts(body={"token": world.issuer.token(world.owner(caller).id), "password": PASSWORD})


@good("unlinkExternalLogin")
async def unlink_login(world: World, caller: Caller, _: random.Random) -> Parts:
    person, now = world.owner(caller), datetime.now(UTC)
    login = ExternalLogin(world.issuer.url, person.id, now, now, person.email, True, "", ())
    return Parts({"login_id": (await link_by_hand(person.id, login)).id})


@good("encodePayloads", "decodePayloads")
async def payloads(*_: Any) -> Parts:
    return Parts(body={"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "e30="}]})


@good("listCourses")
async def courses(world: World, _caller: Caller, rng: random.Random) -> Parts:
    some: dict[str, Any] = {"category": "ayurveda-basics", "level": "beginner", "q": "Ayurveda", "priceMin": "1"}
    query = {name: value for name, value in some.items() if rng.random() < 0.3} | {"limit": 2}
    if "cursor" in world.known and rng.random() < 0.3:
        query["cursor"] = world.any_of("cursor", rng)
    return Parts(query=query, headers=rng.choice([{}, {"If-None-Match": "*"}]))


@good("getCourse")
async def course(world: World, _caller: Caller, rng: random.Random) -> Parts:
    return Parts({"id_or_slug": world.any_of("id_or_slug", rng)}, headers=rng.choice([{}, {"If-None-Match": "*"}]))


@good("createPurchase")
async def purchase(world: World, _caller: Caller, rng: random.Random) -> Parts:
    body = {**PURCHASE, "provider": rng.choice(["stripe", "razorpay"])}
    return Parts({"course_id": rng.choice(world.on_sale)}, headers={"Idempotency-Key": new_id()}, body=body)


@good("getPurchase", "listCreditNotes", "listRefunds", "getInvoicePdf", "getCreditNotePdf", "getRefund")
async def of_a_purchase(world: World, _caller: Caller, _: random.Random) -> Parts:
    first = {name: world.known[name][0] for name in ("purchase_id", "note_id", "refund_id")}
    return Parts(path=first)


@good("confirmPurchase")
async def confirm(world: World, caller: Caller, _: random.Random) -> Parts:
    buyer = world.owner(caller)
    purchase_id, order = world.razorpay.get(buyer.id) or world.razorpay[world.student.id]
    secret = world.services.settings.razorpay_key_secret.get_secret_value()
    payment = "pay_ThatIsNotThere1"
    signature = hmac.new(secret.encode(), f"{order}|{payment}".encode(), sha256).hexdigest()
    body = {"razorpayOrderId": order, "razorpayPaymentId": payment, "razorpaySignature": signature}
    return Parts({"purchase_id": purchase_id}, body=body)


@good("createRefund")
async def refund(world: World, caller: Caller, _: random.Random) -> Parts:
    body = {"reason": "To try it.", "amount": "0.01"} if caller.name == Role.SUPER_ADMIN else {}
    return Parts({"purchase_id": world.known["purchase_id"][0]}, headers={"Idempotency-Key": new_id()}, body=body)


@good("listReviews", "putMyReview", "getMyReview", "deleteMyReview")
async def own_review(world: World, caller: Caller, rng: random.Random) -> Parts:
    course_id = world.known["course_id"][-1]  # everybody is enrolled in the free one
    written = await write_review(world.owner(caller).id, course_id, 4, "So it is.")
    world.known["review_id"] = [written.id]
    return Parts({"course_id": course_id}, body=rng.choice([{"rating": 5, "review": "नमस्ते"}, {"rating": 1}]))


@good("putReviewVisibility")
async def review_visibility(world: World, caller: Caller, rng: random.Random) -> Parts:
    course_id = world.known["course_id"][-1]
    written = await write_review(world.owner(caller).id, course_id, 4, None)
    return Parts({"review_id": written.id}, body={"isPublished": rng.random() < 0.5})


@good("listMyPurchases", "listMyEnrollments")
async def my_list(*_: Any) -> Parts:
    return Parts(query={"limit": 1})


@good("sendHeartbeats")
async def heartbeats(world: World, caller: Caller, rng: random.Random) -> Parts:
    began = datetime.now(UTC) - timedelta(seconds=20)
    event = {"sequence": 1, "beganAt": began.isoformat(), "endedAt": (began + timedelta(seconds=10)).isoformat()}
    return Parts(
        {"lesson_id": await world.own_lesson(caller)},
        body={"events": [event | {"fromMs": 0, "toMs": 10_000}], "accessedFrom": rng.choice(["web", "mobile"])},
    )


@good("openLesson", "completeLesson", "getMyNotes", "setBookmark", "removeBookmark")
async def at_a_lesson(world: World, caller: Caller, rng: random.Random) -> Parts:
    return Parts({"lesson_id": await world.own_lesson(caller)}, body={"accessedFrom": rng.choice(["web", "mobile"])})


@good("putMyNotes")
async def notes(world: World, caller: Caller, rng: random.Random) -> Parts:
    return Parts({"lesson_id": await world.own_lesson(caller)}, body={"notes": rng.choice(["अभ्यंग", None])})


@good("getMyAccess", "getMyOutline")
async def my_access(world: World, caller: Caller, rng: random.Random) -> Parts:
    return Parts({"enrollment_id": rng.choice(world.enrollments[world.owner(caller).id])})


@good("putMyPreferences")
async def preferences(*_: Any) -> Parts:
    body = {
        "phoneNumber": "+919812345678",
        "consents": ["sms"],
        "email": True,
        "optOuts": [{"category": "reminder", "channel": "email"}],
        "quietHours": {"since": "22:00", "until": "07:00"},
        "locale": "hi",
        "timeZone": "Asia/Kolkata",
    }
    return Parts(body=body)


@good("registerMyDevice")
async def device(*_: Any) -> Parts:
    return Parts(body={"fcmToken": f"token-{new_id()}"})


@good("removeMyDevice")
async def remove_device(world: World, caller: Caller, _: random.Random) -> Parts:
    return Parts({"device_id": (await with_device(world.owner(caller), "fcm"))[0]})


@good("showUnsubscribe", "unsubscribe")
async def unsubscribe(world: World, caller: Caller, _: random.Random) -> Parts:
    keys = signing_keys(world.services.settings.jwt_keys.get_secret_value())
    return Parts({"token": UnsubscribeTokens(keys.values()).issue(world.owner(caller).id, Category.REMINDER)})


@good("sendCommunication")
async def communication(world: World, _caller: Caller, _: random.Random) -> Parts:
    body = {
        "category": "reminder",
        "recipients": [{"userId": world.spare.id}],
        "channels": ["email"],
        "title": "Continue learning",
        "body": "The next lesson waits.",
        "metadata": {"courseId": world.on_sale[0]},
    }
    return Parts(headers={"Idempotency-Key": new_id()}, body=body)


@good("receiveStripeEvent")
async def stripe(world: World, _caller: Caller, _: random.Random) -> Parts:
    secret = world.services.settings.stripe_webhook_secret.get_secret_value()
    body, headers = signed_event("customer.created", {"id": "cus_1"}, secret)
    return Parts(headers=headers, body=body)


@good("receiveRazorpayEvent")
async def razorpay(world: World, _caller: Caller, _: random.Random) -> Parts:
    body = json.dumps({"event": "invoice.paid", "payload": {}, "created_at": int(time.time())}).encode()
    return Parts(headers=signed_by_razorpay(world, body), body=body)


def signed_by_razorpay(world: World, body: bytes) -> dict[str, str]:
    """The headers of a webhook of Razorpay's."""
    secret = world.services.settings.razorpay_webhook_secret.get_secret_value()
    signature = hmac.new(secret.encode(), body, sha256).hexdigest()
    return {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": new_id(), "Content-Type": "application/json"}


@good("receiveTwilioReceipt")
async def twilio(world: World, _caller: Caller, _: random.Random) -> Parts:
    return signed_by_twilio(world, [("MessageSid", f"SM{new_id()}"), ("MessageStatus", "delivered")])


def signed_by_twilio(world: World, fields: list[tuple[str, str]]) -> Parts:
    """A status callback with these fields."""
    settings = world.services.settings
    url = f"{settings.public_base_url}/api/v1/webhooks/twilio"
    signature = twilio_signature(url, fields, settings.twilio_auth_token.get_secret_value())
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return Parts(headers=headers, body=urlencode(fields).encode())


@good("receiveWhatsAppReceipts")
async def whatsapp(world: World, _caller: Caller, _: random.Random) -> Parts:
    statuses = [{"id": f"wamid.{new_id()}", "status": "read"}]
    body = json.dumps({"entry": [{"changes": [{"value": {"statuses": statuses}}]}]}).encode()
    return Parts(headers=signed_by_whatsapp(world, body), body=body)


def signed_by_whatsapp(world: World, body: bytes) -> dict[str, str]:
    """The headers of a webhook of Meta's."""
    secret = world.services.settings.whatsapp_app_secret.get_secret_value()
    return {"X-Hub-Signature-256": whatsapp_signature(body, secret), "Content-Type": "application/json"}


@good("verifyWhatsAppWebhook")
async def whatsapp_challenge(world: World, _caller: Caller, _: random.Random) -> Parts:
    token = world.services.settings.whatsapp_verify_token.get_secret_value()
    return Parts(query={"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token})
