"""What the purchase routes read and write."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, FieldError
from bootstrap import Services
from db.queries.billing.purchases import Purchase
from domain.billing.gstin import is_gstin_of
from domain.billing.money import SOLD_IN, to_minor
from domain.billing.places import INDIAN_STATES
from domain.billing.purchase import Address, Billing, InvoiceLine, OrderStatus
from domain.identifiers import purchase_workflow_id


class PostalAddress(ApiStruct, forbid_unknown_fields=True):
    """House, street and place in up to three lines, and the city."""

    lines: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]], Meta(min_length=1, max_length=3)
    ]
    city: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]


class BillingAddress(ApiStruct, forbid_unknown_fields=True):
    """Who is billed. In India `state` is the two-letter GST code, deciding the tax. With `gstin` give `address`."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    state: Annotated[str, Meta(min_length=1, max_length=60)]
    postal_code: Annotated[str, Meta(min_length=1, max_length=16)]
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
    gstin: Annotated[str, Meta(pattern="^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$")] | None = None
    address: PostalAddress | UnsetType | None = UNSET  # unset: requests from before keep their hash, so their answer


class PurchaseRequest(ApiStruct, forbid_unknown_fields=True):
    """Buy one course; without `currency` in the academy's own."""

    provider: Literal["stripe", "razorpay"]
    billing: BillingAddress
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217")] | None = None


class StripeCheckout(ApiStruct, tag_field="provider", tag="stripe"):
    """What the browser pays with at Stripe."""

    client_secret: str
    publishable_key: str


class RazorpayCheckout(ApiStruct, tag_field="provider", tag="razorpay"):
    """What Razorpay's checkout is opened with; `amount` in the currency's minor units."""

    razorpay_order_id: str
    key_id: str
    amount: int
    currency: str


Checkout = StripeCheckout | RazorpayCheckout


class Confirmation(ApiStruct, forbid_unknown_fields=True):
    """What Razorpay's checkout tells the browser after a payment."""

    razorpay_order_id: Annotated[str, Meta(min_length=1, max_length=64)]
    razorpay_payment_id: Annotated[str, Meta(min_length=1, max_length=64)]
    razorpay_signature: Annotated[str, Meta(min_length=1, max_length=256)]


class PurchaseSummary(ApiStruct):
    """A purchase in a list. `amount` includes tax; it is null until the price is fixed."""

    id: str
    status: OrderStatus
    course_id: str
    course_slug: str
    course_title: str
    amount: Decimal | None
    currency: str
    reason: str | None
    created_at: datetime
    expires_at: datetime | None
    invoice_number: str | None
    """Of the tax invoice, once paid; null for a free course."""


class PurchaseView(PurchaseSummary):
    """A purchase; `workflowId` is for operators, `checkout` is there while the charge can be paid by this answer."""

    workflow_id: str
    lines: list[InvoiceLine]
    checkout: Checkout | None = None


def summary_of(purchase: Purchase) -> PurchaseSummary:
    """A purchase as a list shows it."""
    return PurchaseSummary(**_common(purchase))


def view_of(purchase: Purchase, lines: list[InvoiceLine], checkout: Checkout | None = None) -> PurchaseView:
    """A purchase as its own page shows it."""
    return PurchaseView(
        **_common(purchase), workflow_id=purchase_workflow_id(purchase.id), lines=lines, checkout=checkout
    )


def checkout_of(purchase: Purchase, secret: str, services: Services) -> Checkout:
    """The checkout of a purchase; `secret` is what its provider's browser side pays with."""
    if purchase.provider == "razorpay":
        minor = to_minor(purchase.amount or Decimal(0), purchase.currency)
        return RazorpayCheckout(secret, services.settings.razorpay_key_id, minor, purchase.currency)
    return StripeCheckout(secret, services.settings.stripe_publishable_key)


def billing_of(request: PurchaseRequest) -> Billing:
    """The billing address. Raises `ProblemError("validation_failed")` for a currency, state or GSTIN that cannot be,
    and for a GSTIN without an address."""
    address = request.billing
    errors = []
    if request.currency is not None and request.currency not in SOLD_IN:
        errors.append(FieldError(field="currency", message=f"Use one of {', '.join(sorted(SOLD_IN))}."))
    if address.country == "IN" and address.state not in INDIAN_STATES:
        errors.append(FieldError(field="billing.state", message="Use the two-letter GST code of an Indian state."))
    elif address.gstin is not None and not (address.country == "IN" and is_gstin_of(address.gstin, address.state)):
        message = "Use a GSTIN of the billing state, with its right check character, or leave it out."
        errors.append(FieldError(field="billing.gstin", message=message))
    if address.gstin is not None and not address.address:
        # CGST Rules 2017, rule 46 (d): name, address and GSTIN of a recipient who is registered.
        errors.append(FieldError(field="billing.address", message="Give the address that belongs to the GSTIN."))
    if errors:
        raise ProblemError("validation_failed", errors=errors)
    return Billing(
        name=address.name,
        state=address.state,
        postal_code=address.postal_code,
        country=address.country,
        gstin=address.gstin,
        address=Address(tuple(address.address.lines), address.address.city) if address.address else None,
    )


def _common(purchase: Purchase) -> dict[str, Any]:
    return {
        "id": purchase.id,
        "status": purchase.shown_status,
        "course_id": purchase.course_id,
        "course_slug": purchase.course_slug,
        "course_title": purchase.course_title,
        "amount": purchase.amount,
        "currency": purchase.currency,
        "reason": purchase.close_reason,
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at if purchase.closed_at is None else None,
        "invoice_number": purchase.invoice_number,
    }
