"""Starting stories and speaking to them: ids, names, attributes and policies in one place."""

from datetime import timedelta
from typing import Any

from structlog.contextvars import bind_contextvars
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.billing.dispute import DisputeInput
from domain.billing.payments import ProviderDispute, ProviderPayment, ProviderRefund
from domain.billing.purchase import CheckoutAnswer, LatePaymentInput, OrderRef, PurchaseInput, PurchasePolicy
from domain.billing.refund import RefundInput, RefundRef
from domain.errors import AcademyError, OutageError
from domain.identifiers import (
    completion_workflow_id,
    dispute_workflow_id,
    late_payment_workflow_id,
    message_workflow_id,
    notice_workflow_id,
    purchase_workflow_id,
    quiz_attempt_workflow_id,
    quiz_regrade_workflow_id,
    refund_workflow_id,
)
from domain.learning.quizzes import RegradeInput
from domain.stories import (
    CHECKOUT_UPDATE,
    DISPUTE_SIGNAL,
    PAYMENT_SIGNAL,
    REFUND_SIGNAL,
    Attribute,
    Story,
    StoryClosedError,
    StoryTimeoutError,
    TaskQueue,
)

RPC_TIMEOUT = timedelta(seconds=5)
"""For calls that only hand something over."""

UNLESS_COMPLETED = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
"""A story that came to its end is never told again; one that an operator terminated may be begun anew."""

_PROCESS = SearchAttributeKey.for_keyword(Attribute.PROCESS)
_STATE = SearchAttributeKey.for_keyword(Attribute.STATE)
_USER = SearchAttributeKey.for_keyword(Attribute.USER)
_COURSE = SearchAttributeKey.for_keyword(Attribute.COURSE)
_CLINIC = SearchAttributeKey.for_keyword(Attribute.CLINIC)


class Stories:
    """The stories of this academy, seen from outside. Every method raises `OutageError` when Temporal is down.

    Each leaves the story's id to the log lines that its caller writes from then on.
    """

    def __init__(self, client: Client, policy: PurchasePolicy) -> None:
        self._client = client
        self._policy = policy

    async def checkout(self, order: OrderRef, update_id: str, patience: timedelta) -> CheckoutAnswer:
        """Start the order's purchase or join it, and wait for its first steps' answer.

        Raises `StoryTimeoutError` when they take longer than `patience`, `StoryClosedError` when the story has ended.
        """
        options = _purchase_options(order)
        bind_contextvars(workflow_id=options["id"])
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            Story.PURCHASE,
            PurchaseInput(order.order_id, self._policy),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            **options,
        )
        try:
            answer: CheckoutAnswer = await self._client.execute_update_with_start_workflow(
                CHECKOUT_UPDATE,
                id=update_id,
                start_workflow_operation=start,
                result_type=CheckoutAnswer,
                rpc_timeout=patience,
            )
        except (WorkflowAlreadyStartedError, WorkflowUpdateFailedError):
            # The second: an operator terminated the story while it was asked.
            raise StoryClosedError from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            await self.require_temporal()
            raise StoryTimeoutError from None
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.FAILED_PRECONDITION:
                # Workers lost the story's task several times in a row: Temporal asks nothing of it until one is done.
                raise StoryTimeoutError from None
            raise _in_our_words(error) from None
        return answer

    async def ensure_purchase(self, order: OrderRef) -> None:
        """Start an order's purchase whose first start was lost; one that runs or has ended stays as it is."""
        await self._start(
            Story.PURCHASE,
            PurchaseInput(order.order_id, self._policy),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            **_purchase_options(order),
        )

    async def tell_purchase(self, order_id: str, payment: ProviderPayment) -> None:
        """Signal an order's running story. Raises `StoryClosedError` when it does not run."""
        workflow_id = purchase_workflow_id(order_id)
        bind_contextvars(workflow_id=workflow_id)
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            await handle.signal(PAYMENT_SIGNAL, payment, rpc_timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError) as error:
            raise _in_our_words(error) from None

    async def tell_late_payment(self, order: OrderRef, payment: ProviderPayment) -> None:
        """Start the story of money for a closed order, or signal it while it runs; one that ended has done its work."""
        await self._start(
            Story.LATE_PAYMENT,
            LatePaymentInput(order.order_id, payment, self._policy),
            id=late_payment_workflow_id(payment.provider, payment.payment_id),
            task_queue=TaskQueue.CORE,
            id_reuse_policy=UNLESS_COMPLETED,
            start_signal=PAYMENT_SIGNAL,
            start_signal_args=[payment],
            static_summary="Money for an order already closed",
            search_attributes=_order_attributes("late-payment", "settling", order),
        )

    async def tell_refund(self, ours: RefundRef, refund: ProviderRefund | None) -> None:
        """Start a refund's story, or signal it while it runs; `refund` is the provider's news of it, if any.

        Raises `StoryClosedError` when it came to its end before: nobody follows the news then.
        """
        policy = self._policy
        await self._start(
            Story.REFUND,
            RefundInput(
                ours.refund_id, policy.first_poll_seconds, policy.longest_poll_seconds, is_repayment=ours.is_repayment
            ),
            may_have_ended=False,
            id=refund_workflow_id(ours.refund_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            start_signal=REFUND_SIGNAL if refund else None,
            start_signal_args=[refund] if refund else [],
            static_summary="Refund",
            search_attributes=refund_attributes(),
        )

    async def tell_message(self, message_id: str) -> None:
        """Start the story of a committed message; one that runs or has ended stays as it is."""
        await self._start(
            Story.MESSAGE,
            message_id,
            id=message_workflow_id(message_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            static_summary="Message",
            search_attributes=message_attributes(),
        )

    async def tell_dispute(self, dispute_id: str, dispute: ProviderDispute) -> None:
        """Start a dispute's story with the provider's news of it, or signal it while it runs."""
        await self._start(
            Story.DISPUTE,
            DisputeInput(dispute_id, self._policy.first_poll_seconds),
            id=dispute_workflow_id(dispute_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            start_signal=DISPUTE_SIGNAL,
            start_signal_args=[dispute],
            static_summary="Dispute of a payment",
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(_PROCESS, "dispute"), SearchAttributePair(_STATE, dispute.state)]
            ),
        )

    async def tell_notice(self, message_id: str) -> None:
        """Start the story of a committed message over one channel; one that runs or has ended stays as it is."""
        await self._start(
            Story.NOTICE,
            message_id,
            id=notice_workflow_id(message_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            static_summary="Message over one channel",
            search_attributes=notice_attributes(),
        )

    async def tell_completion(self, enrollment_id: str) -> None:
        """Start the story of a committed completion; one that runs or has ended stays as it is."""
        await self._start(
            Story.COMPLETION,
            enrollment_id,
            id=completion_workflow_id(enrollment_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            static_summary="Completion of a course",
            search_attributes=completion_attributes(),
        )

    async def tell_quiz_attempt(self, attempt_id: str) -> None:
        """Start the story of a committed attempt with a deadline; one that runs or has ended stays as it is."""
        await self._start(
            Story.QUIZ_ATTEMPT,
            attempt_id,
            id=quiz_attempt_workflow_id(attempt_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            static_summary="Deadline of a quiz",
            search_attributes=_attributes("quiz-attempt", "open"),
        )

    async def tell_quiz_regrade(self, void_id: str) -> None:
        """Start the regrading after a committed void; one that runs or has ended stays as it is."""
        await self._start(
            Story.QUIZ_REGRADE,
            RegradeInput(void_id),
            id=quiz_regrade_workflow_id(void_id),
            task_queue=TaskQueue.CORE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=UNLESS_COMPLETED,
            static_summary="Regrading after a voided question",
            search_attributes=_attributes("quiz-regrade", "voided"),
        )

    async def _start(self, story: Story, argument: Any, *, may_have_ended: bool = True, **options: Any) -> None:
        bind_contextvars(workflow_id=options["id"])
        try:
            await self._client.start_workflow(story, argument, rpc_timeout=RPC_TIMEOUT, **options)
        except WorkflowAlreadyStartedError:
            if not may_have_ended:
                raise StoryClosedError from None
        except (RPCError, RuntimeError) as error:
            raise _in_our_words(error) from None

    async def require_temporal(self) -> None:
        """Raise `OutageError` unless Temporal answers."""
        try:
            healthy = await self._client.service_client.check_health(timeout=timedelta(seconds=1))
        except (RPCError, RuntimeError) as error:
            raise _in_our_words(error) from None
        if not healthy:
            raise OutageError("temporal")


def refund_attributes() -> TypedSearchAttributes:
    """Of a refund's story: its id names the refund, and the refund's row names the rest."""
    return TypedSearchAttributes([SearchAttributePair(_PROCESS, "refund"), SearchAttributePair(_STATE, "requested")])


def message_attributes() -> TypedSearchAttributes:
    """Of a message's story: whom it goes to, its row knows."""
    return TypedSearchAttributes([SearchAttributePair(_PROCESS, "message"), SearchAttributePair(_STATE, "queued")])


def notice_attributes() -> TypedSearchAttributes:
    """Of a notice's story: whom it goes to, its row knows."""
    return TypedSearchAttributes([SearchAttributePair(_PROCESS, "notice"), SearchAttributePair(_STATE, "queued")])


def completion_attributes() -> TypedSearchAttributes:
    """Of a completion's story: its id names the enrollment, and the enrollment's row names the rest."""
    return TypedSearchAttributes([SearchAttributePair(_PROCESS, "completion"), SearchAttributePair(_STATE, "reached")])


def _attributes(process: str, state: str) -> TypedSearchAttributes:
    """Of a story whose id names a row, which knows the rest."""
    return TypedSearchAttributes([SearchAttributePair(_PROCESS, process), SearchAttributePair(_STATE, state)])


def _order_attributes(process: str, state: str, order: OrderRef) -> TypedSearchAttributes:
    """A clinic's own course says something about the health of who takes it: then the clinic instead of the user."""
    clinic_id = order.clinic_id
    return TypedSearchAttributes(
        [
            SearchAttributePair(_PROCESS, process),
            SearchAttributePair(_STATE, state),
            SearchAttributePair(_COURSE, order.course_id),
            SearchAttributePair(_USER, order.user_id) if clinic_id is None else SearchAttributePair(_CLINIC, clinic_id),
        ]
    )


def _purchase_options(order: OrderRef) -> dict[str, Any]:
    return {
        "id": purchase_workflow_id(order.order_id),
        "task_queue": TaskQueue.CORE,
        "id_reuse_policy": UNLESS_COMPLETED,
        "static_summary": "Purchase of a course",
        "search_attributes": _order_attributes("purchase", "preparing", order),
    }


def _in_our_words(error: RPCError | RuntimeError) -> AcademyError:
    """A lazy client raises `RuntimeError` when it cannot connect."""
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return StoryClosedError()
    return OutageError("temporal")
