"""Lessons that come, go and change their weight while people learn."""

import asyncio
import contextlib

from temporalio.service import RPCError

from bootstrap import Services
from domain.identifiers import completion_workflow_id
from tests.integration.authoring.conftest import Desk
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import audits, complete, enrollment, learner_of


async def percentages(*learners: str) -> list[int]:
    return [(await enrollment(learner))["percentage"] for learner in learners]


async def wait_for_story(services: Services, learner: str) -> None:
    """It is started after the answer; no worker runs here."""
    handle = services.temporal.get_workflow_handle(completion_workflow_id(learner))
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(RPCError):
                await handle.describe()
                return
            await asyncio.sleep(0.05)


async def test_a_new_lesson_lowers_who_learns_and_takes_no_completion_away(author: Desk, new_person: NewPerson) -> None:
    course = await author.course()
    module = await author.module(course)
    first, second = await author.lesson(module), await author.lesson(module)
    done, learning = [await learner_of(new_person, course["id"]) for _ in range(2)]
    for learner, lesson in ((done, first), (done, second), (learning, first)):
        await complete(learner, lesson)
    assert await percentages(done, learning) == [100, 50]
    optional = await author.lesson(module, isRequired=False)
    assert await percentages(done, learning) == [100, 50], "an optional one asks nothing of anybody"
    await author.lesson(module)
    assert await percentages(done, learning) == [100, 33]
    await author.do("PATCH", f"lessons/{optional}", {"isRequired": True})
    assert await percentages(done, learning) == [100, 25]
    assert (await enrollment(done))["reached"]
    await author.do("DELETE", f"lessons/{first}")
    assert await percentages(done, learning) == [100, 0]
    assert (await enrollment(done))["reached"]


async def test_whoever_lacked_only_what_is_taken_away_is_completed_and_the_story_starts(
    author: Desk, new_person: NewPerson, services: Services
) -> None:
    course = await author.course()
    module, last = await author.module(course), await author.module(course)
    lessons = [await author.lesson(module) for _ in range(3)] + [await author.lesson(last)]
    by_lesson, by_rule, by_module, never = [await learner_of(new_person, course["id"]) for _ in range(4)]
    for learner, count in ((by_lesson, 3), (by_rule, 2), (by_module, 1)):
        for lesson in lessons[:count]:
            await complete(learner, lesson)
    assert await percentages(by_lesson, by_rule, by_module, never) == [75, 50, 25, 0]

    await author.do("DELETE", f"modules/{last}")
    assert await percentages(by_lesson, by_rule, by_module, never) == [100, 66, 33, 0]
    await author.do("PATCH", f"lessons/{lessons[2]}", {"isRequired": False})
    assert await percentages(by_lesson, by_rule, by_module, never) == [100, 100, 50, 0]
    await author.do("DELETE", f"lessons/{lessons[1]}")
    assert await percentages(by_lesson, by_rule, by_module, never) == [100, 100, 100, 0]
    for learner in (by_lesson, by_rule, by_module):
        assert (await enrollment(learner))["reached"]
        await wait_for_story(services, learner)
    assert not (await enrollment(never))["reached"]


async def test_learners_and_editors_at_once(author: Desk, editor: Desk, new_person: NewPerson) -> None:
    course = await author.course()
    module = await author.module(course)
    lessons = [await author.lesson(module) for _ in range(4)]
    learners = [await learner_of(new_person, course["id"]) for _ in range(6)]
    for learner in learners:
        await complete(learner, lessons[0])
    await asyncio.gather(
        *(complete(learner, lesson) for learner in learners for lesson in lessons[1:3]),
        author.do("DELETE", f"lessons/{lessons[3]}"),
        editor.do("PATCH", f"lessons/{lessons[2]}", {"isRequired": False}),
        editor.do("PATCH", f"lessons/{lessons[1]}", {"description": "Mended."}),
    )
    for learner in learners:
        row = await enrollment(learner)
        assert (row["percentage"], row["reached"]) == (100, True)
        assert await audits("lesson.completed", learner) == 3


async def test_a_change_that_is_refused_counts_nobody(author: Desk, editor: Desk, new_person: NewPerson) -> None:
    course = await author.course()
    module = await author.module(course)
    first, second = await author.lesson(module), await author.lesson(module)
    for desk, move in ((author, "submit"), (editor, "publish")):
        await desk.do("POST", f"courses/{course['id']}/{move}")
    learner = await learner_of(new_person, course["id"])
    await complete(learner, first)
    await author.do("PATCH", f"lessons/{second}", {"isRequired": False, "content": None})
    assert (await enrollment(learner))["reached"]
    learning = await learner_of(new_person, course["id"])
    assert await author.refused("DELETE", f"modules/{module}") == "course_incomplete"
    assert await author.refused("PATCH", f"lessons/{second}", {"isRequired": True}) == "course_incomplete"
    assert await percentages(learner, learning) == [100, 0]
