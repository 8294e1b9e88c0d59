"""The story of money for an order already closed: enrolled if still possible, else refunded."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.billing.payments import PaymentState, ProviderPayment
from domain.billing.purchase import LatePaymentInput, OrderStatus
from domain.stories import PAYMENT_SIGNAL, Story
from workflows.profiles import PAYMENT
from workflows.settling import SettlesOrders
from workflows.steps import OutageLastedError, RefusedError, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.purchases import Purchases


@workflow.defn(name=Story.LATE_PAYMENT)
class LatePaymentStory(SettlesOrders):
    """`late-payment/{provider}/{paymentId}`."""

    @workflow.init
    def __init__(self, late: LatePaymentInput) -> None:
        super().__init__(late.order_id, late.policy)
        self._is_captured = late.payment.state is PaymentState.SUCCEEDED

    @workflow.run
    async def run(self, late: LatePaymentInput) -> OrderStatus:
        """What became of the money."""
        payment = late.payment if self._is_captured else await self._take(late.payment)
        status = await self.settle(payment)
        show_state(status)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return status

    async def _take(self, payment: ProviderPayment) -> ProviderPayment:
        """The payment once captured. When that cannot be, this run fails, so that later news of it begins another."""
        while True:
            try:
                taken = await run_step(Purchases.take_payment, payment, PAYMENT, "capture the late payment")
                break
            except RefusedError as refused:
                raise _not_captured() from refused
            except OutageLastedError:
                await self.ask_person("take_payment", "`retry`", self.note_attention)
        if taken.state is not PaymentState.SUCCEEDED:
            raise _not_captured()
        self._is_captured = True
        return taken

    def has_money(self) -> bool:
        """Only once it is captured."""
        return self._is_captured

    @workflow.signal(name=PAYMENT_SIGNAL)
    def payment_event(self, payment: ProviderPayment) -> None:
        """The same news again; the first one started the story and says all."""
        workflow.logger.debug("payment_known")


def _not_captured() -> ApplicationError:
    """The bank has let go of the money, which is the payer's again."""
    return ApplicationError("The payment can no longer be captured.", type="payment_not_captured", non_retryable=True)
