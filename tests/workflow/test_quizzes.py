"""The stories of quizzes: a deadline hands in what is there, a void is graded again, lost starts are made up for."""

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from activities.sweeps import Sweeps
from db.queries.learning import quiz_regrading
from db.sql import fetch
from domain.errors import OutageError
from domain.identifiers import completion_workflow_id, quiz_attempt_workflow_id, quiz_regrade_workflow_id
from gateways.temporal.stories import Stories
from tests.integration.learning.learners import audits
from tests.integration.learning.quizzes import NewQuiz, Quiz, Sitter, make_quiz, right_answers
from tests.workflow.conftest import Academy, eventually


@pytest_asyncio.fixture(loop_scope="session")
async def new_quiz(app: Litestar, client: httpx.AsyncClient, academy: Academy) -> NewQuiz:
    """Makes quizzes while a worker runs."""

    async def make(**changes: Any) -> Quiz:
        return await make_quiz(app, client, academy.new_person, **changes)

    return make


def story_of(academy: Academy, workflow_id: str) -> WorkflowHandle[Any, Any]:
    return academy.services.temporal.get_workflow_handle(workflow_id)


async def relay(academy: Academy) -> None:
    """One walk of the relay."""
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await academy.in_activity(sweeps.relay)


async def begun(quiz: Quiz) -> tuple[Sitter, str]:
    """Somebody whose saved answers are all right; the attempt's id."""
    sitter = await quiz.new_sitter()
    attempt = await sitter.start()
    assert (await sitter.save(attempt["id"], 1, await right_answers(attempt["id"]))).is_success
    return sitter, attempt["id"]


async def down(*_: object) -> None:
    """Instead of starting a story: as if the API had been killed after its commit, or Temporal were down."""
    raise OutageError("temporal")


async def test_the_deadline_hands_in_what_is_there(
    academy: Academy, new_quiz: NewQuiz, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiz = await new_quiz(timeLimit=1)
    with monkeypatch.context() as patch:
        patch.setattr(Stories, "tell_quiz_attempt", down)
        sitter, attempt_id = await begun(quiz)
    soon = "UPDATE quiz_attempts SET deadline_at = clock_timestamp() + interval '2 s' WHERE id = $1"
    await fetch(soon, attempt_id)
    await asyncio.gather(*(academy.stories.tell_quiz_attempt(attempt_id) for _ in range(3)))
    handle = story_of(academy, quiz_attempt_workflow_id(attempt_id))
    await handle.result()
    done = await sitter.ok("GET", f"/quiz-attempts/{attempt_id}")
    assert (done["score"], done["submittedBy"]) == (100, "deadline")
    assert done["submittedAt"] >= done["deadlineAt"]
    assert set((await handle.describe()).search_attributes) <= {"LmsProcess", "LmsState", "BuildIds"}
    await story_of(academy, completion_workflow_id(sitter.enrollment_id)).result()
    await academy.stories.tell_quiz_attempt(attempt_id)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED, "told once"
    assert await audits("quiz.submitted", sitter.enrollment_id) == 1


async def test_a_start_begins_the_story_of_its_deadline(academy: Academy, new_quiz: NewQuiz) -> None:
    sitter, attempt_id = await begun(await new_quiz(timeLimit=30))
    handle = story_of(academy, quiz_attempt_workflow_id(attempt_id))
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    assert (await sitter.submit(attempt_id)).is_success


async def test_an_attempt_without_a_time_limit_has_no_story(academy: Academy, new_quiz: NewQuiz) -> None:
    _, attempt_id = await begun(await new_quiz())
    with pytest.raises(Exception, match="not found"):
        await story_of(academy, quiz_attempt_workflow_id(attempt_id)).describe()


async def test_a_start_that_was_lost_is_made_up_for_by_the_relay(
    academy: Academy, new_quiz: NewQuiz, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Stories, "tell_quiz_attempt", down)
        sitter, attempt_id = await begun(await new_quiz(timeLimit=30))
    await relay(academy)
    assert (await sitter.ok("GET", f"/quiz-attempts/{attempt_id}"))["submittedAt"] is None, "not before its deadline"
    await fetch("UPDATE quiz_attempts SET deadline_at = now() - interval '1 min' WHERE id = $1", attempt_id)
    await asyncio.gather(relay(academy), relay(academy))
    await eventually("SELECT FROM quiz_attempts WHERE id = $1 AND submitted_by = 'deadline'", attempt_id)
    assert await audits("quiz.submitted", sitter.enrollment_id) == 1
    assert (await sitter.progress())["status"] == "completed"


async def test_a_voided_question_is_graded_again(
    academy: Academy, new_quiz: NewQuiz, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiz_regrading, "REGRADE_BATCH", 1)
    quiz = await new_quiz(passingScore=90)
    sitters = [await quiz.new_sitter() for _ in range(3)]
    for sitter in sitters:
        attempt = await sitter.start()
        answers = await right_answers(attempt["id"])
        del answers["order"]
        await sitter.save(attempt["id"], 1, answers)
        assert (await sitter.submit(attempt["id"])).json()["score"] == 69
    void = await quiz.void("order")
    await story_of(academy, quiz_regrade_workflow_id(void["id"])).result()
    for sitter in sitters:
        assert (await sitter.progress())["score"] == 100
        await story_of(academy, completion_workflow_id(sitter.enrollment_id)).result()
    assert (await quiz.void("order"))["regradedAt"] is not None


async def test_a_regrading_that_was_never_started_is_started_by_the_relay(
    academy: Academy, new_quiz: NewQuiz, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiz = await new_quiz()
    sitter = await quiz.new_sitter()
    await sitter.sit({})
    with monkeypatch.context() as patch:
        patch.setattr(Stories, "tell_quiz_regrade", down)
        void = await quiz.void("order")
    await fetch("UPDATE quiz_voids SET voided_at = now() - interval '1 min' WHERE id = $1", void["id"])
    await relay(academy)
    await eventually("SELECT FROM quiz_voids WHERE id = $1 AND regraded_at IS NOT NULL", void["id"])
    assert (await sitter.progress())["score"] == 30
