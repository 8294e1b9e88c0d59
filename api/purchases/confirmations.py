"""What a browser brings back from Razorpay's checkout: a hint to ask the provider at once, never money."""

from contextlib import suppress

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.access import requires
from api.http.problems import ProblemError
from api.purchases.controller import own_purchase
from api.purchases.schemas import Confirmation, PurchaseView, view_of
from api.subject import Subject
from bootstrap import Services
from db.queries.billing.purchases import Purchase, read_lines
from domain.billing.money import to_minor
from domain.billing.payments import PaymentState, ProviderPayment
from domain.identity.roles import Permission
from domain.stories import StoryClosedError
from gateways.payments.signatures import is_confirmed_by_razorpay


@post(
    "/api/v1/purchases/{purchase_id:str}/confirmations",
    operation_id="confirmPurchase",
    tags=["Purchases"],
    status_code=202,
    **requires(
        Permission.COURSE_ENROLL, "not_found", "validation_failed", "confirmation_refused", "service_unavailable"
    ),
)
async def confirm_purchase(
    purchase_id: FromPath[str],
    data: JSONBody[Confirmation],
    services: NamedDependency[Services],
    subject: NamedDependency[Subject],
) -> PurchaseView:
    """Say that Razorpay's checkout reports a payment: the purchase asks Razorpay at once. Repeating it is harmless."""
    purchase = await own_purchase(purchase_id, subject.user_id)
    secret = services.settings.razorpay_key_secret.get_secret_value()
    is_ours = purchase.provider == "razorpay" and purchase.charge_id == data.razorpay_order_id
    is_on = "razorpay" in services.providers  # else its secret is one that everybody can read in our code
    if (
        not is_ours
        or not is_on
        or not is_confirmed_by_razorpay(
            data.razorpay_order_id, data.razorpay_payment_id, data.razorpay_signature, secret
        )
    ):
        raise ProblemError("confirmation_refused")
    if purchase.closed_at is None:
        with suppress(StoryClosedError):  # it ended meanwhile, so it has asked
            await services.stories.tell_purchase(purchase.id, _hint(purchase, data))
    return view_of(purchase, await read_lines(purchase.id))


def _hint(purchase: Purchase, data: Confirmation) -> ProviderPayment:
    """A payment about which the story has to ask: nothing of it is taken as captured."""
    return ProviderPayment(
        provider=purchase.provider,
        payment_id=data.razorpay_payment_id,
        order_id=purchase.id,
        state=PaymentState.PROCESSING,
        amount_minor=to_minor(purchase.amount, purchase.currency) if purchase.amount is not None else 0,
        received_minor=0,
        currency=purchase.currency,
        created_at=purchase.created_at,
        charge_id=data.razorpay_order_id,
    )
