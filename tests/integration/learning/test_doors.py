"""What shuts a lesson, asked of SQL each time."""

from datetime import UTC, datetime, timedelta

import pytest

from db.queries.learning.doors import lesson_door
from db.sql import fetch
from domain.identifiers import new_id
from domain.learning.locks import Lock, LockReason
from tests.integration.catalog.catalog_rows import add_clinic, add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import complete, course_of, enroll

pytestmark = pytest.mark.usefixtures("services")
LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def locks(user_id: str, lesson_id: str) -> tuple[Lock, ...]:
    door = await lesson_door(user_id, lesson_id)
    assert door is not None
    return door.locks


async def test_access_opens_and_its_end_shuts_at_once(new_person: NewPerson) -> None:
    person, stranger = await new_person(), await new_person()
    course_id, [lesson] = await course_of(1)
    await enroll(person.id, course_id)
    assert await locks(person.id, lesson) == ()
    assert await locks(stranger.id, lesson) == (Lock(reason=LockReason.ACCESS),)
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1", person.id)
    assert await locks(person.id, lesson) == (Lock(reason=LockReason.ACCESS),)


async def test_a_preview_is_open_to_everybody_whatever_else_holds(new_person: NewPerson) -> None:
    stranger = await new_person()
    course_id = await add_course("herbology")
    shown, hidden = await add_module(course_id, 1, preview=True), await add_module(course_id, 2)
    by_module, by_lesson = await add_lesson(shown, 1), await add_lesson(hidden, 1, preview=True)
    await fetch("INSERT INTO lesson_rules (lesson_id, opens_at) VALUES ($1, $2)", by_lesson, LATER)
    for lesson in (by_module, by_lesson):
        assert await locks(stranger.id, lesson) == ()


async def test_other_lessons_come_first(new_person: NewPerson) -> None:
    person = await new_person()
    course_id, [first, second, third] = await course_of(3)
    learner = await enroll(person.id, course_id)
    for needed in (first, second):
        await fetch("INSERT INTO lesson_prerequisites VALUES ($1, $2, $3)", third, needed, new_id())
    assert await locks(person.id, third) == (Lock(reason=LockReason.PREREQUISITE, lesson_ids=(first, second)),)
    await complete(learner, first)
    assert await locks(person.id, third) == (Lock(reason=LockReason.PREREQUISITE, lesson_ids=(second,)),)
    await complete(learner, second)
    assert await locks(person.id, third) == ()


async def test_a_drip_opens_on_its_day_or_days_after_the_enrollment(new_person: NewPerson) -> None:
    person = await new_person()
    course_id, [by_date, by_days, open_now] = await course_of(3)
    learner = await enroll(person.id, course_id)
    await fetch("INSERT INTO lesson_rules (lesson_id, opens_at) VALUES ($1, $2)", by_date, LATER)
    await fetch("INSERT INTO lesson_rules (lesson_id, opens_after_days) VALUES ($1, 7), ($2, 0)", by_days, open_now)
    assert await locks(person.id, by_date) == (Lock(reason=LockReason.DRIP, opens_at=LATER),)
    assert await locks(person.id, open_now) == ()
    [lock] = await locks(person.id, by_days)
    assert lock.opens_at is not None
    assert timedelta(days=6) < lock.opens_at - datetime.now(UTC) <= timedelta(days=7)
    await fetch("UPDATE course_enrollments SET \"enrolledAt\" = now() - interval '8 d' WHERE id = $1", learner)
    assert await locks(person.id, by_days) == ()


async def test_what_may_not_be_seen_is_not_there(new_person: NewPerson) -> None:
    stranger, member, learner = await new_person(), await new_person(), await new_person()
    draft = await add_course("herbology", isPublished=False)
    lesson = await add_lesson(await add_module(draft, 1), 1)
    assert await lesson_door(stranger.id, lesson) is None
    await enroll(learner.id, draft)
    assert await locks(learner.id, lesson) == (), "an archived course stays open to its learners"
    clinics = await add_course("herbology", clinicId=await add_clinic(member.id))
    lesson = await add_lesson(await add_module(clinics, 1), 1)
    assert await lesson_door(stranger.id, lesson) is None
    assert await locks(member.id, lesson) == (Lock(reason=LockReason.ACCESS),)
    assert await lesson_door(member.id, new_id()) is None
