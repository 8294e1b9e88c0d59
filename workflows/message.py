"""The story of one message that no other story tells: sent, or given up for a reason that stands in its row."""

from temporalio import workflow

from domain.stories import Story
from workflows.repair import WaitsForPerson
from workflows.settling import tell
from workflows.steps import show_state


@workflow.defn(name=Story.MESSAGE)
class MessageStory(WaitsForPerson):
    """`message/{messageId}`."""

    @workflow.run
    async def run(self, message_id: str) -> None:
        """Ends when nothing is left to be done; how it ended, the row says."""
        await tell(self, (message_id,))
        show_state("told")
        await workflow.wait_condition(workflow.all_handlers_finished)
