"""The story of a refund: asked for once, waited for, then recorded in books and access (`docs/stories/refund.md`)."""

import contextlib
from datetime import timedelta

from temporalio import workflow

from domain.payments import ProviderRefund, RefundState
from domain.refund import RefundAttentionInput, RefundInput, RefundStatus, RefundSubmission, SubmitRefundInput
from domain.stories import REFUND_SIGNAL, Story
from workflows.profiles import DATABASE, PAYMENT
from workflows.repair import Repair, WaitsForPerson
from workflows.settling import tell
from workflows.steps import OutageLastedError, RefusedError, run_once, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.refunds import Refunds


SUBMIT = "submit_refund"
"""The step that asks the provider for the refund."""


@workflow.defn(name=Story.REFUND)
class RefundStory(WaitsForPerson):
    """`refund/{refundId}`: submit → wait → record → tell."""

    @workflow.init
    def __init__(self, refund: RefundInput) -> None:
        super().__init__()
        self._refund = refund
        self._request = 1
        """Counts requests that the provider failed for good: each has idempotency keys of its own."""
        self._news: list[ProviderRefund] = []
        self._is_made = False
        """The provider told of a refund that we have not read yet: a person may have been quicker at its dashboard."""

    @workflow.run
    async def run(self, refund: RefundInput) -> RefundStatus:
        """`succeeded`: a refund waits for a person rather than end otherwise."""
        while True:
            submission = await self._submit()
            show_state(RefundStatus.SUBMITTED)
            if await self._wait_for(submission) is RefundState.SUCCEEDED:
                break
            await self._ask("refund_failed")
            self._request += 1
        await self._record()
        show_state(RefundStatus.SUCCEEDED)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return RefundStatus.SUCCEEDED

    async def _submit(self) -> RefundSubmission:
        while True:
            request = SubmitRefundInput(self._refund.refund_id, self._request)
            try:
                return await run_step(Refunds.submit, request, PAYMENT, "ask the provider for the refund")
            except (OutageLastedError, RefusedError):
                if self._is_made:
                    self._is_made = False
                else:
                    await self._ask(SUBMIT)

    async def _wait_for(self, submission: RefundSubmission) -> RefundState:
        """The provider's last word: by webhook, or asked for with doubling pauses."""
        state = submission.state
        pause = timedelta(seconds=self._refund.first_poll_seconds)
        longest = timedelta(seconds=self._refund.longest_poll_seconds)
        while state is RefundState.PENDING:
            try:
                await workflow.wait_condition(lambda: bool(self._news), timeout=pause)
                news = self._news.pop()
                state = news.state if news.provider_refund_id == submission.provider_refund_id else state
            except TimeoutError:
                pause = min(2 * pause, longest)
                with contextlib.suppress(OutageLastedError, RefusedError):
                    state = await run_once(Refunds.read_state, submission, PAYMENT, "ask")
        return state

    async def _record(self) -> None:
        while True:
            try:
                recorded = await run_step(Refunds.record, self._refund.refund_id, DATABASE, "record the refund")
                return await tell(self, recorded.message_ids)
            except OutageLastedError:
                await self._ask("record_refund")

    async def _ask(self, step: str) -> None:
        await self.ask_person(step, "`retry`", self._note)

    async def _note(self, step: str | None) -> None:
        with contextlib.suppress(OutageLastedError):
            note = RefundAttentionInput(self._refund.refund_id, step)
            await run_once(Refunds.note_attention, note, DATABASE, "note what waits")

    @workflow.signal(name=REFUND_SIGNAL)
    def refund_event(self, refund: ProviderRefund) -> None:
        """A verified webhook, or what the reconciliation found."""
        self._news.append(refund)
        if refund.state is not RefundState.FAILED:
            self._is_made = True
            if self._waiting_step == SUBMIT:
                self.decide(Repair.RETRY)
