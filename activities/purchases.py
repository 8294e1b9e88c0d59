"""The steps of a purchase."""

from collections.abc import Mapping

import msgspec
import structlog
from temporalio import activity

from activities.once import make_once
from db.queries.billing import orders, settlement
from domain.billing.payments import NewPayment, PaymentState, ProviderPayment
from domain.billing.purchase import (
    AttentionInput,
    Charge,
    CheckoutInput,
    CloseInput,
    Reservation,
    ReserveInput,
    SettleInput,
    Settlement,
)
from domain.billing.seller import Seller
from domain.identifiers import charge_key
from gateways.payments.protocol import PaymentProvider

log = structlog.get_logger()


class Purchases:
    """Prices, charges, settles and closes orders."""

    def __init__(self, providers: Mapping[str, PaymentProvider], seller: Seller) -> None:
        self._providers = providers
        self._seller = seller

    @activity.defn(name="reserve")
    async def reserve(self, request: ReserveInput) -> Reservation:
        """Fix price and tax, hold the seat; a refusal closes the order."""
        return await orders.reserve(request.order_id, request.expires_at, self._seller)

    @activity.defn(name="open_checkout")
    async def open_checkout(self, request: CheckoutInput) -> ProviderPayment:
        """Open the charge at the provider, once. Raises what `PaymentProvider.create_payment` raises."""
        provider = self._providers[request.provider]
        new = NewPayment(order_id=request.order_id, amount_minor=request.amount_minor, currency=request.currency)
        payment = await make_once(
            create=lambda attempt: provider.create_payment(new, charge_key(request.order_id, attempt)),
            find=lambda: self._find(request),
            first_asked_at=request.ordered_at,
            keys_last=provider.payment_keys_last,
        )
        await orders.note_checkout(request.order_id, payment.payment_id)
        return payment

    @activity.defn(name="read_charge")
    async def read_charge(self, request: CheckoutInput) -> Charge:
        """The charge as the provider has it now."""
        if request.payment_id is None:
            return _charge(await self._find(request))
        return _charge(await self._providers[request.provider].read_payment(request.payment_id))

    @activity.defn(name="take_payment")
    async def take_payment(self, payment: ProviderPayment) -> ProviderPayment:
        """A payment that a bank has authorised, captured if it still can be."""
        taken = await self._providers[payment.provider].read_payment(payment.payment_id)
        return msgspec.structs.replace(taken, order_id=payment.order_id)

    @activity.defn(name="cancel_charge")
    async def cancel_charge(self, request: CheckoutInput) -> Charge:
        """Cancel the charge and read it again: what was paid meanwhile comes back as paid."""
        payment_id = request.payment_id
        if payment_id is None:
            found = await self._find(request)
            if found is None:
                return _charge(None)
            payment_id = found.payment_id
        return _charge(await self._providers[request.provider].cancel_payment(payment_id))

    @activity.defn(name="settle")
    async def settle(self, request: SettleInput) -> Settlement:
        """Write the payment and what follows from it in one transaction; alarms when money has to go back."""
        outcome = await settlement.settle(request.order_id, request.payment, give_back=request.give_back)
        if outcome.refund_id is not None:
            log.error("alarm_money_goes_back", order_id=request.order_id, refund_id=outcome.refund_id)
        return outcome

    @activity.defn(name="close_order")
    async def close_order(self, request: CloseInput) -> None:
        """Close an unpaid order and free its seat."""
        await orders.close_unpaid(request.order_id, request.status, request.reason)

    @activity.defn(name="note_attention")
    async def note_attention(self, request: AttentionInput) -> None:
        """Show the buyer and the operators that a person is needed, or no longer is."""
        await orders.set_attention(request.order_id, request.step)

    async def _find(self, request: CheckoutInput) -> ProviderPayment | None:
        """The order's charge in the provider's book: a paid one before an open one, canceled ones last."""
        found = await self._providers[request.provider].find_payments(request.order_id, request.ordered_at)
        ranked = sorted(found, key=lambda payment: _RANK[payment.state])
        return ranked[0] if ranked else None


def _charge(payment: ProviderPayment | None) -> Charge:
    return Charge(payment.state, payment) if payment else Charge(PaymentState.CANCELED)


_RANK = {
    PaymentState.SUCCEEDED: 0,
    PaymentState.AUTHORIZED: 1,
    PaymentState.PROCESSING: 2,
    PaymentState.OPEN: 3,
    PaymentState.CANCELED: 4,
}
