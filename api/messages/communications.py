"""`communication.send` of the brief: one message to some people over some channels."""

import hashlib
from typing import Annotated

import msgspec
import structlog
from litestar import Response, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED
from msgspec import Meta

from api.access import requires
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct
from api.purchases.controller import IdempotencyKey
from api.subject import Subject
from bootstrap import Services
from db.queries.messaging.communications import NewCommunication, commit_communication
from db.queries.messaging.communications import Recipient as RecipientRow
from domain.errors import BusinessRefusalError, OutageError
from domain.identity.roles import Permission
from domain.messaging.telling import Category, Channel

log = structlog.get_logger()

MOST_RECIPIENTS = 500


class Recipient(ApiStruct, forbid_unknown_fields=True):
    """A person with an account. Messages go to the addresses that the account has, with the consents that it has;
    `email` and `phoneNumber`, where given, have to be the same."""

    user_id: Annotated[str, Meta(min_length=1, max_length=64)]
    email: Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    phone_number: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None


class CommunicationBody(ApiStruct, forbid_unknown_fields=True):
    """What to tell whom. Each recipient gets it once over each of the channels that they allow; SMS, WhatsApp and push
    carry the first 400 characters of `body`. `metadata` are ids, for the record."""

    category: Category
    recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=MOST_RECIPIENTS)]
    channels: Annotated[list[Channel], Meta(min_length=1, max_length=4)]
    title: Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
    body: Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"\S")]
    metadata: dict[str, Annotated[str, Meta(max_length=100)]] = msgspec.field(default_factory=dict)


class CommunicationView(ApiStruct):
    """Its id, and how many messages were queued."""

    id: str
    messages: int


@post(
    "/api/v1/communications",
    operation_id="sendCommunication",
    tags=["Messages"],
    status_code=HTTP_202_ACCEPTED,
    **requires(
        Permission.COMMUNICATIONS,
        "idempotency_key_missing",
        "idempotency_key_reused",
        "recipient_address_differs",
        "recipient_unknown",
        "validation_failed",
        "service_unavailable",
    ),
)
async def send_communication(
    data: JSONBody[CommunicationBody],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
    idempotency_key: IdempotencyKey = None,
) -> Response[CommunicationView]:
    """Queue a message to all of its recipients, or to none. A repeat with the same key and body answers the same."""
    if idempotency_key is None:
        raise ProblemError("idempotency_key_missing")
    new = NewCommunication(
        sender_id=subject.user_id,
        key=idempotency_key,
        request_hash=hashlib.sha256(msgspec.json.encode(data)).hexdigest(),
        category=data.category,
        recipients=tuple(
            RecipientRow(user_id=each.user_id, email=each.email, phone_number=each.phone_number)
            for each in data.recipients
        ),
        channels=tuple(data.channels),
        title=data.title,
        body=data.body,
        metadata=data.metadata,
    )
    try:
        written = await commit_communication(new)
    except BusinessRefusalError as refusal:
        raise ProblemError(refusal.code) from None
    return Response(
        CommunicationView(written.id, len(written.message_ids)),
        background=BackgroundTask(_tell, services, written.message_ids),
    )


async def _tell(services: Services, message_ids: tuple[str, ...]) -> None:
    """After the answer; what is not started now the relay starts."""
    try:
        for message_id in message_ids:
            await services.stories.tell_notice(message_id)
    except OutageError:
        log.warning("messages_left_to_the_relay")
