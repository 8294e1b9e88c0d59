"""The story of a dispute: followed until the payer's bank has decided (`docs/stories/dispute.md`)."""

import contextlib
from datetime import datetime, timedelta

from temporalio import workflow

from domain.billing.dispute import (
    EVIDENCE_ALARM,
    OVER,
    DisputeAttentionInput,
    DisputeFollowed,
    DisputeInput,
    FollowDisputeInput,
)
from domain.billing.payments import DisputeState, ProviderDispute
from domain.stories import DISPUTE_SIGNAL, Story
from workflows.profiles import DATABASE, PAYMENT
from workflows.repair import WAITS, WaitsForPerson
from workflows.settling import start_notices, tell
from workflows.steps import OutageLastedError, RefusedError, run_once, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.disputes import Disputes

EVIDENCE_DUE = "evidence_due"
"""What a dispute waits for a person with when evidence is due soon; the person acts at the provider."""


@workflow.defn(name=Story.DISPUTE)
class DisputeStory(WaitsForPerson):
    """`dispute/{disputeId}`: ask → write → wait, until it is won or lost."""

    @workflow.init
    def __init__(self, dispute: DisputeInput) -> None:
        super().__init__()
        self._dispute = dispute
        self._news: list[ProviderDispute] = []
        self._alarm_at: datetime | None = None
        """When a person is alarmed; `None` when there is nothing to send, or they were."""
        self._alarmed_for: datetime | None = None
        """The time for evidence that a person was alarmed of."""

    @workflow.run
    async def run(self, dispute: DisputeInput) -> DisputeState:
        """`won` or `lost`."""
        pause = timedelta(seconds=dispute.first_poll_seconds)
        longest = timedelta(seconds=dispute.longest_poll_seconds)
        while True:
            now_at_provider = await self._ask_provider()
            if now_at_provider is not None:
                followed = await self._follow(now_at_provider)
                if followed.state in OVER:
                    break
                self._plan_alarm(followed)
            await self._sleep_until_news(pause)
            pause = min(2 * pause, longest)
        workflow.set_current_details("")
        await start_notices(followed.notice_ids)
        await tell(self, followed.message_ids)
        show_state(followed.state)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return followed.state

    async def _ask_provider(self) -> ProviderDispute | None:
        """What the provider says now: news may come doubled or in any order. When it does not answer, news of the end
        counts all the same; `None` when there is none."""
        news, self._news = self._news, []
        try:
            return await run_once(Disputes.read, self._dispute.dispute_id, PAYMENT, "ask")
        except (OutageLastedError, RefusedError):
            return next((told for told in news if told.state in OVER), None)

    async def _follow(self, dispute: ProviderDispute) -> DisputeFollowed:
        request = FollowDisputeInput(self._dispute.dispute_id, dispute)
        while True:
            try:
                return await run_step(Disputes.follow, request, DATABASE, "write what the dispute does")
            except (OutageLastedError, RefusedError):
                await self.ask_person("follow_dispute", "`retry`", self._note)

    def _plan_alarm(self, followed: DisputeFollowed) -> None:
        """A new time for evidence is a new alarm; without one to send, the last alarm is over."""
        due_by = followed.evidence_due_by if followed.state is DisputeState.NEEDS_RESPONSE else None
        if due_by is None or due_by != self._alarmed_for:
            show_state(followed.state)
            workflow.set_current_details("")
            self._alarmed_for = None
            self._alarm_at = due_by - EVIDENCE_ALARM if due_by is not None else None

    async def _sleep_until_news(self, pause: timedelta) -> None:
        """Until the provider tells something or `pause` is over, whichever is first; the alarm goes off in between."""
        wake_at = workflow.now() + pause
        if self._alarm_at is not None and self._alarm_at <= wake_at:
            alarm_at, self._alarm_at = self._alarm_at, None
            if await self._is_told_within(alarm_at - workflow.now()):
                self._alarm_at = alarm_at
                return
            await self._alarm(alarm_at + EVIDENCE_ALARM)
        await self._is_told_within(wake_at - workflow.now())

    async def _is_told_within(self, pause: timedelta) -> bool:
        try:
            await workflow.wait_condition(lambda: bool(self._news), timeout=max(pause, timedelta(0)))
        except TimeoutError:
            return False
        return True

    async def _alarm(self, due_by: datetime) -> None:
        self._alarmed_for = due_by
        workflow.set_current_details(
            f"**Evidence is due** by {due_by:%Y-%m-%d %H:%M} UTC: send it at the provider's dashboard."
        )
        show_state("needs_attention")
        workflow.logger.warning(WAITS, extra={"step": EVIDENCE_DUE})
        await self._note(EVIDENCE_DUE)

    async def _note(self, step: str | None) -> None:
        with contextlib.suppress(OutageLastedError):
            note = DisputeAttentionInput(self._dispute.dispute_id, step)
            await run_step(Disputes.note_attention, note, DATABASE, "note what waits")

    @workflow.signal(name=DISPUTE_SIGNAL)
    def dispute_event(self, dispute: ProviderDispute) -> None:
        """A verified webhook, or what the reconciliation found."""
        self._news.append(dispute)
