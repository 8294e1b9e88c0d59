"""Settling captured money and telling people: what the purchase and the late payment have in common."""

import asyncio
import contextlib

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from domain.billing.payments import ProviderPayment
from domain.billing.purchase import (
    AttentionInput,
    OrderStatus,
    PurchasePolicy,
    SettleInput,
    Settlement,
)
from domain.billing.refund import RefundInput
from domain.identifiers import notice_workflow_id, refund_workflow_id
from domain.stories import Story
from workflows.profiles import DATABASE, MESSAGE
from workflows.repair import NOTHING_WAITS, Repair, WaitsForPerson
from workflows.steps import OutageLastedError, RefusedError, child_attributes, run_once, run_step

with workflow.unsafe.imports_passed_through():
    from activities.messages import Messages
    from activities.notices import Notices
    from activities.purchases import Purchases


class SettlesOrders(WaitsForPerson):
    """Base of the stories that settle an order's money."""

    def __init__(self, order_id: str, policy: PurchasePolicy) -> None:
        super().__init__()
        self._order_id = order_id
        self._policy = policy

    async def settle(self, payment: ProviderPayment | None) -> OrderStatus:
        """Write what the payment becomes, start its refund or tell the learner."""
        settlement = await self._write_settlement(payment)
        self.note_settled()
        if settlement.refund_id is not None:
            await self._start_refund(settlement.refund_id)
            return OrderStatus.SETTLING
        await self._tell(settlement)
        return OrderStatus.ENROLLED

    async def _tell(self, settlement: Settlement) -> None:
        if settlement.notice_ids and workflow.patched("tell-over-all-channels-at-once"):
            await asyncio.gather(tell_elsewhere(settlement.notice_ids), tell(self, settlement.message_ids))
        else:
            await start_notices(settlement.notice_ids)
            await tell(self, settlement.message_ids)

    def note_settled(self) -> None:
        """Called once the settlement stands in SQL, before anybody is told."""

    def has_money(self) -> bool:
        """Whether something was captured that can go back; a story that starts with money always has."""
        return True

    @workflow.update(name="refund")
    async def refund(self) -> str:
        """Give the captured money back instead of enrolling; answers with the step that waited."""
        step = self._waiting_step or ""
        self.decide(Repair.REFUND)
        return step

    @refund.validator
    def validate_refund(self) -> None:
        """Only while captured money waits."""
        self.require_waiting()
        if not self.has_money():
            raise ApplicationError("Nothing was captured, so there is nothing to give back.", type=NOTHING_WAITS)

    async def note_attention(self, step: str | None) -> None:
        """Show the buyer that a person is needed; the Temporal UI shows it even when the database cannot."""
        with contextlib.suppress(OutageLastedError):
            await run_once(Purchases.note_attention, AttentionInput(self._order_id, step), DATABASE, "note what waits")

    async def _write_settlement(self, payment: ProviderPayment | None) -> Settlement:
        give_back = False
        while True:
            request = SettleInput(self._order_id, payment, give_back)
            try:
                return await run_step(Purchases.settle, request, DATABASE, "settle")
            except (OutageLastedError, RefusedError):
                choices = "`retry` or `refund`" if payment else "`retry`"
                decision = await self.ask_person("settle", choices, self.note_attention)
                give_back = give_back or decision is Repair.REFUND

    async def _start_refund(self, refund_id: str) -> None:
        """The refund outlives this story. Another story may have started it: one refund, one id."""
        try:
            await workflow.start_child_workflow(
                Story.REFUND,
                RefundInput(refund_id, self._policy.first_poll_seconds, self._policy.longest_poll_seconds),
                id=refund_workflow_id(refund_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary="Refund of money that enrolled nobody",
                search_attributes=child_attributes("refund", "requested"),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("refund_runs_already")


async def tell_elsewhere(message_ids: tuple[str, ...]) -> None:
    """Send over the channels other than e-mail, in one step. What cannot go now has a story of its own: two more
    workflows for every purchase would cost as much as the purchase."""
    try:
        left = await run_once(Notices.send_now, message_ids, MESSAGE, "send over the other channels")
    except OutageLastedError:
        left = message_ids
    await start_notices(left)


async def start_notices(message_ids: tuple[str, ...]) -> None:
    """Stories that outlive this one: none delays another, or the purchase."""
    if message_ids:
        await asyncio.gather(*(_start_notice(message_id) for message_id in message_ids))


async def _start_notice(message_id: str) -> None:
    try:
        await workflow.start_child_workflow(
            Story.NOTICE,
            message_id,
            id=notice_workflow_id(message_id),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary="Message over one channel",
            search_attributes=child_attributes("notice", "queued"),
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("notice_runs_already")


async def tell(story: WaitsForPerson, message_ids: tuple[str, ...]) -> None:
    """Send messages, one after the other. An outage that outlasts all patience waits for a person; SQL shows nothing
    of it, since to the buyer everything is in order but the mail."""
    for message_id in message_ids:
        while True:
            try:
                await run_step(Messages.send, message_id, MESSAGE, "send message")
                break
            except RefusedError:
                workflow.logger.error("alarm_message_never_sent", extra={"message_id": message_id})
                break
            except OutageLastedError:
                await story.ask_person("send_message", "`retry`", _note_nothing)


async def _note_nothing(_step: str | None) -> None:
    return
