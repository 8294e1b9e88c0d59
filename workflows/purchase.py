"""The story of a purchase: paid means enrolled, or refunded (`docs/stories/purchase.md`)."""

from datetime import datetime, timedelta

import msgspec
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.billing.payments import PaymentState, ProviderPayment
from domain.billing.purchase import (
    Charge,
    CheckoutAnswer,
    CheckoutInput,
    CloseInput,
    OrderStatus,
    PurchaseInput,
    Refusal,
    Reservation,
    ReserveInput,
)
from domain.stories import CHECKOUT_UPDATE, PAYMENT_SIGNAL, Story
from workflows.profiles import DATABASE, PAYMENT
from workflows.repair import NOTHING_WAITS, Repair
from workflows.settling import SettlesOrders
from workflows.steps import OutageLastedError, RefusedError, run_once, run_patiently, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.purchases import Purchases

GIVEN_UP = "given_up_by_operator"
"""Why an order was closed that a person abandoned."""

CANCEL_CHARGE = "cancel_charge"
"""The step that ends a charge whose time is over."""

ORDER_PAID = "order_paid"
"""Type of the error that refuses to abandon an order whose money was captured."""


@workflow.defn(name=Story.PURCHASE)
class PurchaseStory(SettlesOrders):
    """`purchase/{orderId}`: price → charge → wait → settle → tell."""

    @workflow.init
    def __init__(self, purchase: PurchaseInput) -> None:
        super().__init__(purchase.order_id, purchase.policy)
        self._answer: CheckoutAnswer | None = None
        self._checkout: CheckoutInput | None = None
        self._news: list[ProviderPayment] = []
        self._captured: ProviderPayment | None = None
        self._leaving = False
        """A person gave the order up: cancel the charge instead of asking for it."""
        self._woken = False
        self._ended_as: OrderStatus | None = None

    @workflow.run
    async def run(self, purchase: PurchaseInput) -> OrderStatus:
        """The order's status at the end of its story."""
        deadline = workflow.now() + self._policy.expires_after()
        status = await self._buy(deadline)
        while True:
            status = await self._settle_what_came_meanwhile(status)
            self._ended_as = status
            # Who still waits for a checkout learns that there is none.
            self._answer = self._answer or CheckoutAnswer(refusal=Refusal.ORDER_CLOSED)
            await workflow.wait_condition(workflow.all_handlers_finished)
            if not self._news:
                show_state(status)
                return status

    async def _buy(self, deadline: datetime) -> OrderStatus:
        reservation = await self._reserve(deadline)
        if reservation.refusal is not None:
            self._answer = CheckoutAnswer(refusal=reservation.refusal)
            return OrderStatus.ABANDONED
        if reservation.amount_minor == 0:
            return await self.settle(None)
        try:
            await self._open_checkout(reservation, deadline)
        except RefusedError:
            status = await self._close_unpaid(OrderStatus.ABANDONED, Refusal.PAYMENT_REFUSED)
            self._answer = CheckoutAnswer(refusal=Refusal.PAYMENT_REFUSED)
            return status
        self._captured = await self._wait_for_payment(deadline)
        if self._captured is not None:
            return await self.settle(self._captured)
        if self._leaving:
            return await self._close_unpaid(OrderStatus.ABANDONED, GIVEN_UP)
        reason = "not_paid_in_time" if workflow.now() >= deadline else "charge_canceled"
        return await self._close_unpaid(OrderStatus.EXPIRED, reason)

    async def _reserve(self, deadline: datetime) -> Reservation:
        request = ReserveInput(self._order_id, deadline)
        while True:
            try:
                return await run_step(Purchases.reserve, request, DATABASE, "fix price, tax and seat")
            except OutageLastedError:
                if await self.ask_person("reserve", "`retry` or `abandon`", self.note_attention) is Repair.ABANDON:
                    await self._close_unpaid(OrderStatus.ABANDONED, GIVEN_UP)
                    return Reservation(refusal=Refusal.ORDER_CLOSED)

    async def _open_checkout(self, order: Reservation, deadline: datetime) -> None:
        """Open the charge; when nobody repairs an outage in time, the order is left as if nobody had paid."""
        self._checkout = CheckoutInput(
            self._order_id, order.provider, order.amount_minor, order.currency, order.ordered_at or workflow.now()
        )
        while True:
            try:
                payment = await run_step(Purchases.open_checkout, self._checkout, PAYMENT, "open the charge")
                break
            except OutageLastedError:
                left = max(deadline - workflow.now(), timedelta(seconds=1))
                choices = "`retry` or `abandon`"
                decision = await self.ask_person("open_checkout", choices, self.note_attention, patience=left)
                if decision is Repair.ABANDON:
                    self._leaving = workflow.now() < deadline
                    self._woken = True
                    return
        self._checkout = _with_payment(self._checkout, payment.payment_id)
        self._answer = CheckoutAnswer(client_secret=payment.client_secret)
        show_state(OrderStatus.AWAITING_PAYMENT)

    async def _wait_for_payment(self, deadline: datetime) -> ProviderPayment | None:
        """The captured payment, or `None` once the provider says that the charge is cancelled or never was.

        A webhook is a hint that arrives early; the provider is asked all the same, with doubling pauses. At the
        deadline the charge is cancelled and read again: what was paid counts, what is processing is waited for.
        """
        pause = timedelta(seconds=self._policy.first_poll_seconds)
        longest = timedelta(seconds=self._policy.longest_poll_seconds)
        while True:
            left = deadline - workflow.now()
            await self._sleep_until_news(min(pause, left) if left > timedelta(0) else longest)
            payment = self._take_news()
            charge = Charge(payment.state, payment) if payment else await self._ask_provider(deadline)
            if charge is not None and charge.state is PaymentState.SUCCEEDED:
                return charge.payment
            if charge is not None and charge.state is PaymentState.CANCELED:
                return None
            pause = min(2 * pause, longest)

    async def _sleep_until_news(self, pause: timedelta) -> None:
        try:
            await workflow.wait_condition(lambda: bool(self._news) or self._woken, timeout=pause)
        except TimeoutError:
            return
        finally:
            self._woken = False

    def _take_news(self) -> ProviderPayment | None:
        """The news that decides: money first, then the end of our own charge; the rest (a decline) is dropped."""
        news, self._news = self._news, []
        for payment in news:
            if payment.state is PaymentState.SUCCEEDED:
                self._news = [other for other in news if other is not payment]
                return payment
        ours = self._checkout.payment_id if self._checkout else None
        return next((p for p in news if p.state is PaymentState.CANCELED and p.payment_id == ours), None)

    async def _ask_provider(self, deadline: datetime) -> Charge | None:
        """The charge, cancelled first when its time is over; `None` when the provider cannot say now."""
        if self._checkout is None:
            return None
        if self._leaving or workflow.now() >= deadline:
            return await self._cancel_charge(self._checkout)
        try:
            return await run_once(Purchases.read_charge, self._checkout, PAYMENT, "ask")
        except (OutageLastedError, RefusedError):
            return None

    async def _cancel_charge(self, checkout: CheckoutInput) -> Charge | None:
        """The charge, cancelled and then read. One that the provider does not know can take no money; any other
        trouble that lasts is a person's: until it ends, the seat stays held."""
        try:
            return await run_patiently(Purchases.cancel_charge, checkout, PAYMENT, "cancel the charge, then read it")
        except RefusedError as refusal:
            is_unknown = refusal.code == "payment_unknown"
        except OutageLastedError:
            is_unknown = False
        if not workflow.patched("charge-that-cannot-be-cancelled"):
            return None
        if is_unknown:
            return Charge(PaymentState.CANCELED)
        decision = await self.ask_person(CANCEL_CHARGE, "`retry` or `abandon`", self.note_attention)
        self._woken = True
        return Charge(PaymentState.CANCELED) if decision is Repair.ABANDON else None

    async def _close_unpaid(self, status: OrderStatus, reason: str) -> OrderStatus:
        request = CloseInput(self._order_id, status, reason)
        while True:
            try:
                await run_step(Purchases.close_order, request, DATABASE, "close the unpaid order")
                return status
            except OutageLastedError:
                await self.ask_person("close_order", "`retry`", self.note_attention)

    async def _settle_what_came_meanwhile(self, status: OrderStatus) -> OrderStatus:
        """Money that was signalled while the story was ending must not be lost with it."""
        while (payment := self._take_news()) is not None:
            known = self._captured.payment_id if self._captured else None
            if payment.state is PaymentState.SUCCEEDED and payment.payment_id != known:
                is_first = self._captured is None
                self._captured = payment
                outcome = await self.settle(payment)
                status = outcome if is_first else status
        return status

    @workflow.signal(name=PAYMENT_SIGNAL)
    def payment_event(self, payment: ProviderPayment) -> None:
        """A verified webhook, or what the relay or the reconciliation found."""
        self._news.append(payment)
        if self._waiting_step == CANCEL_CHARGE:
            # News of the charge is what a person would have waited for.
            self.decide(Repair.RETRY)

    @workflow.update(name=CHECKOUT_UPDATE)
    async def checkout(self) -> CheckoutAnswer:
        """What the buyer needs to pay, or why there is nothing to pay."""
        await workflow.wait_condition(lambda: self._answer is not None)
        return self._answer or CheckoutAnswer()

    def note_settled(self) -> None:
        """A free course is enrolled as soon as it is written; its mail may take longer."""
        self._answer = self._answer or CheckoutAnswer()

    def has_money(self) -> bool:
        """Whether something was captured that can go back."""
        return self._captured is not None

    @workflow.update(name="abandon")
    async def abandon(self) -> OrderStatus:
        """Give the order up: cancel the charge and close. Raises `order_paid` when it turns out to be paid."""
        self._leaving = self._woken = True
        self.decide(Repair.ABANDON)
        await workflow.wait_condition(lambda: self._captured is not None or self._ended_as is not None)
        if self._captured is not None or self._ended_as is None:
            raise ApplicationError("The order was paid meanwhile, so it is settled.", type=ORDER_PAID)
        return self._ended_as

    @abandon.validator
    def validate_abandon(self) -> None:
        """Never once money was captured."""
        if self._captured is not None:
            raise ApplicationError("The order is paid: use `retry` or `refund`.", type=ORDER_PAID)
        if self._ended_as is not None or (self._waiting_step != "reserve" and self._checkout is None):
            raise ApplicationError("There is nothing to abandon now.", type=NOTHING_WAITS)


def _with_payment(checkout: CheckoutInput, payment_id: str) -> CheckoutInput:
    return msgspec.structs.replace(checkout, payment_id=payment_id)
