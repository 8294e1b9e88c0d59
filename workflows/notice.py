"""The story of a message over one channel: planned, waiting for the morning, sent (`docs/stories/notice.md`)."""

from datetime import timedelta

from temporalio import workflow

from domain.messaging.notices import NoticePlan
from domain.messaging.telling import Channel
from domain.stories import Story
from workflows.profiles import DATABASE, MESSAGE
from workflows.repair import WaitsForPerson
from workflows.settling import tell
from workflows.steps import OutageLastedError, RefusedError, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.notices import Notices

_NOTHING = timedelta(0)


@workflow.defn(name=Story.NOTICE)
class NoticeStory(WaitsForPerson):
    """`notice/{messageId}`: plan → wait for the end of the quiet hours → send."""

    @workflow.run
    async def run(self, message_id: str) -> None:
        """Ends when nothing is left to be done; how it ended, the row says."""
        channel = await self._until_its_time(message_id)
        if channel is Channel.EMAIL:
            await tell(self, (message_id,))
        elif channel is not None:
            await self._send(message_id)
        show_state("told")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _until_its_time(self, message_id: str) -> Channel | None:
        """The row's channel, once it may be sent; `None` when there is nothing left to send."""
        while True:
            plan = await self._plan(message_id)
            if plan.not_before is None:
                return plan.channel
            show_state("waiting")
            await workflow.sleep(max(plan.not_before - workflow.now(), _NOTHING))

    async def _plan(self, message_id: str) -> NoticePlan:
        while True:
            try:
                return await run_step(Notices.plan, message_id, DATABASE, "plan")
            except OutageLastedError:
                await self.ask_person("plan", "`retry`", _note_nothing)

    async def _send(self, message_id: str) -> None:
        while True:
            try:
                return await run_step(Notices.send, message_id, MESSAGE, "send")
            except RefusedError:
                workflow.logger.error("alarm_message_never_sent", extra={"message_id": message_id})
                return None
            except OutageLastedError:
                await self.ask_person("send", "`retry`", _note_nothing)


async def _note_nothing(_step: str | None) -> None:
    """SQL shows nothing of it: the row is `queued`, and the Temporal UI says what it waits for."""
