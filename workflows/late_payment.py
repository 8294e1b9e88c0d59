"""The story of money for an order already closed: enrolled if still possible, else refunded."""

from temporalio import workflow

from domain.payments import ProviderPayment
from domain.purchase import LatePaymentInput, OrderStatus
from domain.stories import PAYMENT_SIGNAL, Story
from workflows.settling import SettlesOrders
from workflows.steps import show_state


@workflow.defn(name=Story.LATE_PAYMENT)
class LatePaymentStory(SettlesOrders):
    """`late-payment/{provider}/{paymentId}`."""

    @workflow.init
    def __init__(self, late: LatePaymentInput) -> None:
        super().__init__(late.order_id, late.policy)

    @workflow.run
    async def run(self, late: LatePaymentInput) -> OrderStatus:
        """What became of the money."""
        status = await self.settle(late.payment)
        show_state(status)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return status

    @workflow.signal(name=PAYMENT_SIGNAL)
    def payment_event(self, payment: ProviderPayment) -> None:
        """The same news again; the first one started the story and says all."""
        workflow.logger.debug("payment %s is known", payment.payment_id)
