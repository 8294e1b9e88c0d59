"""Giving money back: by the academy's policy to a buyer, or by somebody who may decide it."""

import contextlib
import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
import structlog
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.access import requires
from api.http.paging import page_of
from api.http.problems import ProblemError
from api.http.rates import STORIES_BEGUN
from api.http.schemas import ApiStruct, FieldError
from api.purchases.controller import IdempotencyKey
from api.purchases.mine import Cursor, Limit
from api.subject import Subject
from bootstrap import Services
from db.queries.billing.purchases import Purchase, read_purchase
from db.queries.billing.refund_requests import RefundRow, RefundWish, list_refund_rows, read_refund_row, request_refund
from db.queries.idempotency import resource_of_key
from domain.billing.money import to_minor
from domain.billing.refund import RefundReason, RefundRef, RefundStatus
from domain.billing.refund_policy import RefundPolicy, RefundRefusal
from domain.errors import BusinessRefusalError, OutageError
from domain.identifiers import refund_workflow_id
from domain.identity.roles import Permission
from domain.stories import StoryClosedError

log = structlog.get_logger()


class RefundRequest(ApiStruct, forbid_unknown_fields=True):
    """Give money back. A buyer may say why, and gets all that is left; `amount` (including tax, in the purchase's
    currency) and `endAccess` are for those with the permission `refunds`, who have to say why."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    amount: Annotated[str, Meta(pattern=r"^[0-9]{1,11}(\.[0-9]{1,3})?$", examples=["180.00"])] | None = None
    end_access: bool | None = None


class RefundView(ApiStruct):
    """A refund. `endAccess` says that access ends although only a part goes back; `note` is for those with the
    permission `refunds`, `workflowId` for operators. One that is `returned` had succeeded, and the payer's bank sent it
    back: another one `replaces` it."""

    id: str
    purchase_id: str
    status: RefundStatus
    amount: Decimal
    currency: str
    reason: RefundReason
    end_access: bool
    note: str | None
    created_at: datetime
    succeeded_at: datetime | None
    replaces: str | None
    workflow_id: str


class RefundPage(ApiStruct):
    """A purchase's refunds, the newest first."""

    items: list[RefundView]
    next_cursor: str | None


@post(
    "/api/v1/purchases/{purchase_id:str}/refunds",
    operation_id="createRefund",
    tags=["Purchases"],
    **requires(
        Permission.COURSE_ENROLL,
        "not_found",
        "idempotency_key_missing",
        "idempotency_key_reused",
        "idempotency_key_in_progress",
        "validation_failed",
        *(refusal.value for refusal in RefundRefusal),
        "service_unavailable",
        rate=STORIES_BEGUN,
    ),
)
async def create_refund(
    data: JSONBody[RefundRequest],
    purchase_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
    idempotency_key: IdempotencyKey = None,
) -> Response[RefundView]:
    """Ask for one's money back, or give it back. A repeat with the same key and body answers with the same refund."""
    if idempotency_key is None:
        raise ProblemError("idempotency_key_missing")
    purchase = await _visible(purchase_id, subject)
    wish = _wish_of(data, purchase, subject, idempotency_key)
    refund_id = await resource_of_key(wish) or await _granted(wish, services)
    return Response(
        await _view(purchase.id, refund_id, subject),
        status_code=201,
        headers={"Location": f"/api/v1/purchases/{purchase.id}/refunds/{refund_id}"},
    )


@get(
    "/api/v1/purchases/{purchase_id:str}/refunds",
    operation_id="listRefunds",
    tags=["Purchases"],
    **requires(Permission.COURSE_ENROLL, "not_found", "validation_failed"),
)
async def list_refunds(
    purchase_id: FromPath[str], subject: NamedDependency[Subject], cursor: Cursor = None, limit: Limit = 20
) -> Response[RefundPage]:
    """The refunds of a purchase, also those that the academy made by itself."""
    purchase = await _visible(purchase_id, subject)
    rows = await list_refund_rows(purchase.id, cursor, limit + 1)
    items, next_cursor, headers = page_of(rows, limit, f"/api/v1/purchases/{purchase.id}/refunds")
    return Response(RefundPage([_view_of(row, subject) for row in items], next_cursor), headers=headers)


@get(
    "/api/v1/purchases/{purchase_id:str}/refunds/{refund_id:str}",
    operation_id="getRefund",
    tags=["Purchases"],
    **requires(Permission.COURSE_ENROLL, "not_found"),
)
async def get_refund(
    purchase_id: FromPath[str], refund_id: FromPath[str], subject: NamedDependency[Subject]
) -> RefundView:
    """One refund of a purchase."""
    purchase = await _visible(purchase_id, subject)
    return await _view(purchase.id, refund_id, subject)


async def _visible(purchase_id: str, subject: Subject) -> Purchase:
    """One's own purchase, or anybody's for those who decide about refunds."""
    owner = None if Permission.REFUNDS in subject.permissions else subject.user_id
    purchase = await read_purchase(purchase_id, owner)
    if purchase is None:
        raise ProblemError("not_found")
    return purchase


def _wish_of(data: RefundRequest, purchase: Purchase, subject: Subject, key: str) -> RefundWish:
    """The request as a wish. Raises `ProblemError("validation_failed")` for what its caller may not ask."""
    is_admin = Permission.REFUNDS in subject.permissions
    errors = []
    if is_admin and data.reason is None:
        errors.append(FieldError(field="reason", message="Say why the money goes back."))
    if not is_admin:
        message = "Leave it out: a buyer has back all that is left, and the access ends."
        given = {"amount": data.amount, "endAccess": data.end_access}
        errors += [FieldError(field=name, message=message) for name, value in given.items() if value is not None]
    amount_minor = None
    if data.amount is not None:
        with contextlib.suppress(ValueError):
            amount_minor = to_minor(Decimal(data.amount), purchase.currency)
        if not amount_minor:
            message = "More than nothing, in whole minor units of the purchase's currency."
            errors.append(FieldError(field="amount", message=message))
    if errors:
        raise ProblemError("validation_failed", errors=errors)
    return RefundWish(
        user_id=subject.user_id,
        route=f"/api/v1/purchases/{purchase.id}/refunds",
        key=key,
        request_hash=hashlib.sha256(msgspec.json.encode(data)).hexdigest(),
        order_id=purchase.id,
        is_admin=is_admin,
        amount_minor=amount_minor,
        end_access=data.end_access or False,
        note=data.reason,
    )


async def _granted(wish: RefundWish, services: Services) -> str:
    """Commit the refund and start its story.

    Temporal is asked before anything is written: what is committed cannot be taken back as an order can, since its
    story may already ask the provider. Should Temporal go down in between, the relay starts the story.
    """
    await services.stories.require_temporal()
    settings = services.settings
    policy = RefundPolicy(settings.refund_window_days, settings.refund_max_watched_percent)
    try:
        refund_id = await request_refund(wish, policy)
    except BusinessRefusalError as refusal:
        # The other request with this key has committed meanwhile.
        joined = await resource_of_key(wish)
        if joined is None:
            raise refusal
        return joined
    try:
        with contextlib.suppress(StoryClosedError):  # the relay was quicker, and it has ended
            await services.stories.tell_refund(RefundRef(refund_id), None)
    except OutageError:
        log.warning("refund_left_to_the_relay", refund_id=refund_id)
    return refund_id


async def _view(purchase_id: str, refund_id: str, subject: Subject) -> RefundView:
    row = await read_refund_row(purchase_id, refund_id)
    if row is None:
        raise ProblemError("not_found")
    return _view_of(row, subject)


def _view_of(row: RefundRow, subject: Subject) -> RefundView:
    return RefundView(
        id=row.id,
        purchase_id=row.order_id,
        status=row.status if row.attention is None else RefundStatus.NEEDS_ATTENTION,
        amount=row.amount,
        currency=row.currency,
        reason=row.reason,
        end_access=row.end_access,
        note=row.note if Permission.REFUNDS in subject.permissions else None,
        created_at=row.created_at,
        succeeded_at=row.succeeded_at,
        replaces=row.replaces,
        workflow_id=refund_workflow_id(row.id),
    )
