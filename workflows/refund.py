"""The story of a refund: asked for once, waited for, then recorded in books and access (`docs/stories/refund.md`)."""

import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.billing.payments import ProviderRefund, RefundState
from domain.billing.refund import (
    RefundAttentionInput,
    RefundInput,
    RefundStanding,
    RefundStatus,
    RefundSubmission,
    SubmitRefundInput,
)
from domain.stories import REFUND_SIGNAL, Story
from workflows.profiles import DATABASE, PAYMENT
from workflows.repair import NOTHING_WAITS, Repair, WaitsForPerson
from workflows.settling import tell
from workflows.steps import OutageLastedError, RefusedError, run_once, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.refunds import Refunds


SUBMIT = "submit_refund"
"""The step that asks the provider for the refund."""

FAILED = "refund_failed"
"""The provider took the refund, and failed it later."""

RETURNED = "refund_returned"
"""The payer's bank sent the refund back that this one replaces: the way that it took is closed."""

MAY_BE_GIVEN_UP = (SUBMIT, FAILED, RETURNED)
"""Where a person may decide that the money does not go back this way."""


class GivenUpError(Exception):
    """A person decided that the refund is not made."""


@workflow.defn(name=Story.REFUND)
class RefundStory(WaitsForPerson):
    """`refund/{refundId}`: submit → wait → record → tell."""

    @workflow.init
    def __init__(self, refund: RefundInput) -> None:
        super().__init__()
        self._refund = refund
        self._request = 1
        """Counts requests that the provider failed for good: each has idempotency keys of its own."""
        self._refusals = 0
        self._failed: list[str] = []
        """What the provider calls its refunds of ours that it failed for good."""
        self._was_asked = False
        """A person was: before the next request, the provider's book is looked at."""
        self._news: list[ProviderRefund] = []
        self._is_made = False
        """The provider told of a refund that we have not read yet: a person may have been quicker at its dashboard."""

    @workflow.run
    async def run(self, refund: RefundInput) -> RefundStatus:
        """`succeeded`, or `failed` when a person gave it up: by itself a refund waits rather than end otherwise."""
        try:
            if refund.is_repayment and not self._is_made:
                await self._ask(RETURNED)
            await self._make()
            await self._record()
            status = RefundStatus.SUCCEEDED
        except GivenUpError:
            status = RefundStatus.FAILED
        show_state(status)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return status

    async def _make(self) -> None:
        while True:
            submission = await self._submit()
            show_state(RefundStatus.SUBMITTED)
            if await self._wait_for(submission) is RefundState.SUCCEEDED:
                return
            self._failed.append(submission.provider_refund_id)
            await self._ask(FAILED)
            self._request += 1

    async def _submit(self) -> RefundSubmission:
        while True:
            request = SubmitRefundInput(self._refund.refund_id, self._request, self._refusals, self._was_asked)
            try:
                return await run_step(Refunds.submit, request, PAYMENT, "ask the provider for the refund")
            except (OutageLastedError, RefusedError) as error:
                self._refusals += isinstance(error, RefusedError)
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
        """Wait for a person. Raises `GivenUpError` when they decide that the refund is not made."""
        choices = "`retry` or `give_up`" if step in MAY_BE_GIVEN_UP else "`retry`"
        self._was_asked = True
        if await self.ask_person(step, choices, self._note) is Repair.GIVE_UP and await self._is_given_up():
            raise GivenUpError

    async def _is_given_up(self) -> bool:
        """`False` when the provider has the refund after all, or cannot say: then the story goes on."""
        try:
            standing = await run_step(Refunds.give_up, self._refund.refund_id, PAYMENT, "give the refund up")
        except (OutageLastedError, RefusedError):
            return False
        return standing is RefundStanding.GIVEN_UP

    async def _note(self, step: str | None) -> None:
        with contextlib.suppress(OutageLastedError):
            failed = self._failed[-1] if step == FAILED else None
            note = RefundAttentionInput(self._refund.refund_id, step, failed)
            await run_once(Refunds.note_attention, note, DATABASE, "note what waits")

    @workflow.update(name="give_up")
    async def give_up(self) -> str:
        """Do not make this refund; answers with the step that waited."""
        step = self._waiting_step or ""
        self.decide(Repair.GIVE_UP)
        return step

    @give_up.validator
    def validate_give_up(self) -> None:
        """Only while nothing is known to have gone back."""
        self.require_waiting()
        if self._waiting_step not in MAY_BE_GIVEN_UP:
            raise ApplicationError("The money went back, so it has to be recorded.", type=NOTHING_WAITS)

    @workflow.signal(name=REFUND_SIGNAL)
    def refund_event(self, refund: ProviderRefund) -> None:
        """A verified webhook, or what the reconciliation found."""
        self._news.append(refund)
        if refund.state is not RefundState.FAILED:
            self._is_made = True
            if self._waiting_step in (SUBMIT, RETURNED) or self._is_made_after_all(refund):
                self.decide(Repair.RETRY)

    def _is_made_after_all(self, refund: ProviderRefund) -> bool:
        """Another refund than those that failed, whose late news is old: somebody made it at the dashboard."""
        is_another = self._waiting_step == FAILED and refund.provider_refund_id not in self._failed
        return is_another and workflow.patched("news-of-another-refund-ends-a-failed-one")
