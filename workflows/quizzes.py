"""The stories of quizzes: a deadline, and a voided question (`docs/stories/quiz-attempt.md`)."""

from datetime import timedelta

from temporalio import workflow

from domain.learning.quizzes import RegradeInput
from domain.stories import Story
from workflows.profiles import DATABASE
from workflows.repair import WaitsForPerson
from workflows.steps import OutageLastedError, run_step, show_state

with workflow.unsafe.imports_passed_through():
    from activities.quizzes import Quizzes

SHORTEST_WAIT = 1.0
"""Seconds; the database's clock and this one differ."""


@workflow.defn(name=Story.QUIZ_ATTEMPT)
class QuizAttemptStory(WaitsForPerson):
    """`quiz-attempt/{attemptId}`: only for attempts with a time limit."""

    @workflow.run
    async def run(self, attempt_id: str) -> None:
        """Ends when the attempt is handed in, by whomever. The row says when its time is over, here is only waited."""
        while (seconds := await self._hand_in(attempt_id)) is not None:
            await workflow.sleep(timedelta(seconds=max(seconds, SHORTEST_WAIT)))
        show_state("submitted")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _hand_in(self, attempt_id: str) -> float | None:
        while True:
            try:
                return await run_step(Quizzes.hand_in, attempt_id, DATABASE, "hand in when the time is over")
            except OutageLastedError:
                await self.ask_person("hand_in", "`retry`", _note_nothing)


@workflow.defn(name=Story.QUIZ_REGRADE)
class QuizRegradeStory(WaitsForPerson):
    """`quiz-regrade/{voidId}`: grades again what was handed in before a question was voided."""

    @workflow.run
    async def run(self, batch: RegradeInput) -> None:
        """Ends when all are graded again; a long walk goes on in a new run."""
        following: RegradeInput | None = batch
        while following is not None:
            following = await self._regrade(following)
            if following is not None and workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(following)
        show_state("regraded")
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _regrade(self, batch: RegradeInput) -> RegradeInput | None:
        while True:
            try:
                return await run_step(Quizzes.regrade, batch, DATABASE, "grade a batch again")
            except OutageLastedError:
                await self.ask_person("regrade", "`retry`", _note_nothing)


async def _note_nothing(_step: str | None) -> None:
    """SQL cannot show it: it is what does not answer. The Temporal UI says what the story waits for."""
