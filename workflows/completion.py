"""The story of a completion: marked, once (`docs/stories/completion.md`)."""

from temporalio import workflow

from domain.stories import Story
from workflows.profiles import DATABASE
from workflows.repair import WaitsForPerson
from workflows.steps import OutageLastedError, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.completions import Completions


@workflow.defn(name=Story.COMPLETION)
class CompletionStory(WaitsForPerson):
    """`completion/{enrollmentId}`."""

    @workflow.run
    async def run(self, enrollment_id: str) -> None:
        """Ends when the enrollment is completed."""
        await self._complete(enrollment_id)
        show_state("completed")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _complete(self, enrollment_id: str) -> None:
        while True:
            try:
                return await run_step(Completions.mark, enrollment_id, DATABASE, "complete the enrollment")
            except OutageLastedError:
                await self.ask_person("complete", "`retry`", _note_nothing)


async def _note_nothing(_step: str | None) -> None:
    """SQL cannot show it: it is what does not answer. The Temporal UI says what the story waits for."""
