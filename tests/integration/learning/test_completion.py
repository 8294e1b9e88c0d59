"""Coming to the end: once, whoever else writes at the same instant, and never taken back."""

import asyncio
from datetime import timedelta

import pytest

from bootstrap import Services
from db.queries.learning.completion import completions_without_story, mark_completed, recount_course
from db.sql import fetch
from db.transaction import in_transaction
from domain.identifiers import new_id
from tests.integration.catalog.catalog_rows import add_lesson, add_module
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import audits, complete, course_of, enrollment, learner_of

pytestmark = pytest.mark.usefixtures("services")


async def optional(*lesson_ids: str) -> None:
    for lesson_id in lesson_ids:
        await fetch("INSERT INTO lesson_rules (lesson_id, is_required) VALUES ($1, FALSE)", lesson_id)


async def test_the_last_lesson_completes_the_course_once(new_person: NewPerson) -> None:
    course_id, lessons = await course_of(3)
    learner = await learner_of(new_person, course_id)
    seen = []
    for lesson_id in lessons:
        done = await complete(learner, lesson_id)
        assert done.is_new
        seen.append(((await enrollment(learner))["percentage"], done.course_is_done))
    assert seen == [(33, False), (66, False), (100, True)]
    again = await complete(learner, lessons[0])
    assert (again.is_new, again.course_is_done) == (False, False)
    assert await audits("lesson.completed", learner) == 3
    assert (await enrollment(learner))["status"] == "active", "its story has not run"


async def test_optional_lessons_do_not_count_unless_all_are(new_person: NewPerson) -> None:
    course_id, [first, second, extra] = await course_of(3)
    await optional(extra)
    learner = await learner_of(new_person, course_id)
    await complete(learner, extra)
    assert (await enrollment(learner))["percentage"] == 0
    await complete(learner, first)
    assert (await complete(learner, second)).course_is_done

    course_id, [first, second] = await course_of(2)
    await optional(first, second)
    learner = await learner_of(new_person, course_id)
    assert not (await complete(learner, first)).course_is_done
    assert (await complete(learner, second)).course_is_done


async def test_a_lesson_of_another_course_completes_nothing(new_person: NewPerson) -> None:
    course_id, _ = await course_of(1)
    _, [other] = await course_of(1)
    learner = await learner_of(new_person, course_id)
    for wrong in (other, new_id()):
        with pytest.raises(LookupError):
            await complete(learner, wrong)
    with pytest.raises(LookupError):
        await complete(new_id(), other)
    assert not await fetch('SELECT FROM lesson_progress WHERE "enrollmentId" = $1', learner)


async def test_the_last_two_lessons_at_the_same_instant(new_person: NewPerson) -> None:
    course_id, [first, second, third] = await course_of(3)
    learners = [await learner_of(new_person, course_id) for _ in range(10)]
    for learner in learners:
        await complete(learner, first)
    done = await asyncio.gather(*(complete(learner, lesson) for learner in learners for lesson in (second, third)))
    assert [a.course_is_done + b.course_is_done for a, b in zip(done[::2], done[1::2], strict=True)] == [1] * 10
    assert [(await enrollment(learner))["percentage"] for learner in learners] == [100] * 10


async def test_a_new_lesson_lowers_who_learns_and_leaves_who_is_done(new_person: NewPerson) -> None:
    course_id, lessons = await course_of(2)
    done, learning = await learner_of(new_person, course_id), await learner_of(new_person, course_id)
    await complete(learning, lessons[0])
    for lesson_id in lessons:
        await complete(done, lesson_id)

    async def add() -> None:
        await add_lesson(await add_module(course_id, 2), 1)
        assert await recount_course(course_id) == []

    await in_transaction(add)
    assert (await enrollment(learning))["percentage"] == 33
    assert ((await enrollment(done))["percentage"], (await enrollment(done))["reached"]) == (100, True)


async def test_taking_a_lesson_away_may_complete_those_who_lacked_it_only(new_person: NewPerson) -> None:
    course_id, lessons = await course_of(3)
    lacked_it, lacked_two = await learner_of(new_person, course_id), await learner_of(new_person, course_id)
    gone = await learner_of(new_person, course_id, status="cancelled")
    for learner in (lacked_it, gone):
        await complete(learner, lessons[0])
        await complete(learner, lessons[1])
    await complete(lacked_two, lessons[0])

    async def take_away() -> list[str]:
        await fetch("DELETE FROM course_lessons WHERE id = $1", lessons[2])
        return list(await recount_course(course_id))

    assert await in_transaction(take_away) == [lacked_it]
    assert (await enrollment(lacked_two))["percentage"] == 50
    assert not (await enrollment(gone))["reached"], "nobody is completed whose access has ended"


async def test_editors_and_learners_at_once_agree_in_the_end(new_person: NewPerson) -> None:
    course_id, lessons = await course_of(4)
    learners = [await learner_of(new_person, course_id) for _ in range(8)]
    for learner in learners:
        await complete(learner, lessons[0])

    async def take_away(lesson_id: str) -> None:
        async def work() -> None:
            await fetch("DELETE FROM course_lessons WHERE id = $1", lesson_id)
            await recount_course(course_id)

        await in_transaction(work)

    await asyncio.gather(
        *(complete(learner, lesson) for learner in learners for lesson in lessons[1:3]), take_away(lessons[3])
    )
    for learner in learners:
        row = await enrollment(learner)
        assert (row["percentage"], row["reached"]) == (100, True)


async def test_marked_once_and_cancelled_stays_cancelled(new_person: NewPerson) -> None:
    course_id, [lesson] = await course_of(1)
    active = await learner_of(new_person, course_id)
    cancelled = await learner_of(new_person, course_id)
    for learner in (active, cancelled):
        await complete(learner, lesson)
    await fetch("UPDATE course_enrollments SET status = 'cancelled' WHERE id = $1", cancelled)
    await asyncio.gather(*(mark_completed(learner) for learner in (active, cancelled) for _ in range(3)))
    for learner, status in ((active, "completed"), (cancelled, "cancelled")):
        row = await enrollment(learner)
        assert (row["status"], row["marked"], await audits("course.completed", learner)) == (status, True, 1)
    nobody = await learner_of(new_person, course_id)
    await mark_completed(nobody)
    assert (await enrollment(nobody))["status"] == "active", "without the outbox's row nothing is completed"


async def test_the_relay_sees_what_was_never_started(new_person: NewPerson, services: Services) -> None:
    course_id, [lesson] = await course_of(1)
    learner = await learner_of(new_person, course_id)
    await complete(learner, lesson)
    assert learner not in await completions_without_story(timedelta(hours=1), 10_000)
    await fetch("UPDATE course_completions SET reached_at = now() - interval '2 h' WHERE enrollment_id = $1", learner)
    assert learner in await completions_without_story(timedelta(hours=1), 10_000)
    await mark_completed(learner)
    assert learner not in await completions_without_story(timedelta(hours=1), 10_000)
