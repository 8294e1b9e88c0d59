"""Buying: place the order, start its story, answer with its first steps' answer."""

import hashlib
from datetime import timedelta
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.status_codes import HTTP_201_CREATED, HTTP_202_ACCEPTED

from api.access import requires
from api.http.problems import ProblemError
from api.http.rates import STORIES_BEGUN
from api.http.schemas import FieldError
from api.purchases.schemas import PurchaseRequest, PurchaseView, billing_of, checkout_of, view_of
from api.subject import Subject
from bootstrap import Services
from db.queries.billing.placing import PlaceOrder, buyable_course, place_order, take_back
from db.queries.billing.purchases import Purchase, read_lines, read_purchase
from db.queries.idempotency import resource_of_key
from db.sql import as_json
from domain.billing.purchase import OrderRef, Refusal
from domain.errors import BusinessRefusalError, OutageError
from domain.identity.roles import Permission
from domain.stories import StoryClosedError, StoryTimeoutError

CHECKOUT_PATIENCE = timedelta(seconds=8)
"""The first steps' answer is waited for this long; with the rest of the request it stays below 10 s."""

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="New for each intent to buy, the same for each repetition of the request.",
    ),
]


@post(
    "/api/v1/courses/{course_id:str}/purchases",
    operation_id="createPurchase",
    tags=["Purchases"],
    responses={
        HTTP_202_ACCEPTED: ResponseSpec(
            PurchaseView, generate_examples=False, description="`preparing`: the first steps take longer."
        )
    },
    **requires(
        Permission.COURSE_ENROLL,
        "idempotency_key_missing",
        "idempotency_key_reused",
        "idempotency_key_in_progress",
        "validation_failed",
        *(refusal.value for refusal in Refusal),
        "service_unavailable",
        rate=STORIES_BEGUN,
    ),
)
async def create_purchase(
    data: JSONBody[PurchaseRequest],
    course_id: FromPath[str],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
    idempotency_key: IdempotencyKey = None,
) -> Response[PurchaseView]:
    """Buy a course. A repeat with the same key and body joins the same order, also while it runs.

    201 with the checkout, or with the state of an order that is paid or closed by now; 202 `preparing` when the
    first steps take longer, then follow `Location`.
    """
    if idempotency_key is None:
        raise ProblemError("idempotency_key_missing")
    order_id = await _order_of(data, course_id, services, subject.user_id, idempotency_key)
    purchase = await _placed(order_id, subject.user_id)
    if purchase.closed_at is not None:
        return await _answer(services, purchase, None)
    return await _join_story(services, purchase, idempotency_key)


@get(
    "/api/v1/purchases/{purchase_id:str}",
    operation_id="getPurchase",
    tags=["Purchases"],
    **requires(Permission.COURSE_ENROLL, "not_found"),
)
async def get_purchase(purchase_id: FromPath[str], subject: NamedDependency[Subject]) -> PurchaseView:
    """One's own purchase: its state and its invoice lines."""
    purchase = await own_purchase(purchase_id, subject.user_id)
    return view_of(purchase, await read_lines(purchase.id))


async def _order_of(data: PurchaseRequest, course: str, services: Services, user_id: str, key: str) -> str:
    """The order that this request stands for, placed now if it is the first.

    Raises `BusinessRefusalError`, and `ProblemError("validation_failed")` for a provider that is off.
    """
    billing = billing_of(data)
    request = PlaceOrder(
        user_id=user_id,
        course_id=course,
        route=f"/api/v1/courses/{course}/purchases",
        key=key,
        request_hash=hashlib.sha256(msgspec.json.encode(data)).hexdigest(),
        provider=data.provider,
        currency=data.currency or services.settings.default_currency,
        billing=as_json(billing),
    )
    order_id = await resource_of_key(request)
    if order_id is not None:
        return order_id
    if data.provider not in services.providers:
        use = f"The academy sells by {' and '.join(services.providers)} only."
        raise ProblemError("validation_failed", errors=[FieldError(field="provider", message=use)])
    course_id = await buyable_course(course, user_id)
    request = msgspec.structs.replace(request, course_id=course_id)
    try:
        return await place_order(request)
    except BusinessRefusalError as refusal:
        # The other request with this key has committed meanwhile, or else is still at it.
        joined = await resource_of_key(request)
        if joined is None:
            raise refusal
        return joined


async def _join_story(services: Services, purchase: Purchase, key: str) -> Response[PurchaseView]:
    order = OrderRef(purchase.id, purchase.user_id, purchase.course_id, purchase.clinic_id)
    try:
        answer = await services.stories.checkout(order, key, CHECKOUT_PATIENCE)
    except StoryTimeoutError:
        return await _answer(services, await _placed(purchase.id, purchase.user_id), None, HTTP_202_ACCEPTED)
    except StoryClosedError:
        return await _answer(services, await _placed(purchase.id, purchase.user_id), None)
    except OutageError:
        await take_back(purchase.id)
        raise
    if answer.refusal is not None:
        raise BusinessRefusalError(answer.refusal.value)
    return await _answer(services, await _placed(purchase.id, purchase.user_id), answer.client_secret)


async def _answer(
    services: Services, purchase: Purchase, client_secret: str | None, status: int = HTTP_201_CREATED
) -> Response[PurchaseView]:
    """The purchase as it stands in SQL; an order that was refused answers with its refusal, as the first time."""
    if purchase.refusal is not None:
        raise BusinessRefusalError(purchase.refusal)
    checkout = checkout_of(purchase, client_secret, services) if client_secret else None
    view = view_of(purchase, await read_lines(purchase.id), checkout)
    return Response(view, status_code=status, headers={"Location": f"/api/v1/purchases/{purchase.id}"})


async def _placed(order_id: str, user_id: str) -> Purchase:
    """The order that this request placed or joined. Raises `OutageError` when the request that placed it took it back
    meanwhile, since it found Temporal down: nothing is half done, and the same key may try again."""
    purchase = await read_purchase(order_id, user_id)
    if purchase is None:
        raise OutageError("order_taken_back")
    return purchase


async def own_purchase(purchase_id: str, user_id: str) -> Purchase:
    """Somebody's own purchase. Raises `ProblemError("not_found")`."""
    purchase = await read_purchase(purchase_id, user_id)
    if purchase is None:
        raise ProblemError("not_found")
    return purchase
