"""A completion's story: once, whoever starts it, and by the relay when nobody did."""

import asyncio

import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus

from activities.sweeps import Sweeps
from db.sql import fetch
from domain.identifiers import completion_workflow_id
from tests.integration.learning.learners import audits, complete, course_of, enrollment, learner_of
from tests.workflow.conftest import Academy, eventually


@pytest_asyncio.fixture(loop_scope="session")
async def done(academy: Academy) -> str:
    """An enrollment whose last lesson was completed, and nobody told its story."""
    course_id, [lesson] = await course_of(1)
    learner = await learner_of(academy.new_person, course_id)
    assert (await complete(learner, lesson)).course_is_done
    return learner


async def test_it_is_told_once_however_often_it_is_started(academy: Academy, done: str) -> None:
    handle = academy.services.temporal.get_workflow_handle(completion_workflow_id(done))
    await asyncio.gather(*(academy.stories.tell_completion(done) for _ in range(4)))
    await handle.result()
    await academy.stories.tell_completion(done)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert (await enrollment(done))["status"] == "completed"
    assert await audits("course.completed", done) == 1
    assert set((await handle.describe()).search_attributes) <= {"LmsProcess", "LmsState", "BuildIds"}


async def test_a_lost_start_is_made_up_for_by_the_relay(academy: Academy, done: str) -> None:
    await fetch("UPDATE course_completions SET reached_at = now() - interval '1 h' WHERE enrollment_id = $1", done)
    sweeps = Sweeps(academy.services.providers, academy.services.delivery, academy.stories)
    await asyncio.gather(academy.in_activity(sweeps.relay), academy.in_activity(sweeps.relay))
    await eventually("SELECT FROM course_enrollments WHERE id = $1 AND status = 'completed'", done)
    assert await audits("course.completed", done) == 1
