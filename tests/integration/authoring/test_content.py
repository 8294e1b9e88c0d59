"""Modules and lessons: their order, what comes before what, and editors who work at the same time."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from db.sql import fetch
from domain.identifiers import new_id
from domain.learning.prerequisites import has_cycle
from tests.integration.authoring.conftest import Desk, Made
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import enroll


async def with_lessons(author: Desk, *counts: int) -> tuple[Made, list[str], list[list[str]]]:
    """A draft with so many lessons in each module; modules, lessons."""
    course = await author.course()
    modules = [await author.module(course) for _ in counts]
    return (
        course,
        modules,
        [[await author.lesson(module) for _ in range(count)] for module, count in zip(modules, counts, strict=True)],
    )


def outline(course: Made) -> list[tuple[str, list[str]]]:
    return [(module["id"], [lesson["id"] for lesson in module["lessons"]]) for module in course["modules"]]


def order_of(*modules: tuple[str, list[str]]) -> dict[str, object]:
    return {"modules": [{"id": module, "lessonIds": lessons} for module, lessons in modules]}


async def test_one_request_gives_the_whole_order_and_moves_lessons_between_modules(author: Desk) -> None:
    course, [one, two], [[a, b, c], [d]] = await with_lessons(author, 3, 1)
    assert outline(await author.read(course)) == [(one, [a, b, c]), (two, [d])]
    after = await author.do("PUT", f"courses/{course['id']}/order", order_of((two, [c, d, a]), (one, [b])))
    assert outline(after) == [(two, [c, d, a]), (one, [b])]
    new = await author.lesson(one)
    assert outline(await author.read(course)) == [(two, [c, d, a]), (one, [b, new])]
    empty = order_of((one, []), (two, [a, b, c, d, new]))
    assert outline(await author.do("PUT", f"courses/{course['id']}/order", empty)) == [
        *((one, []), (two, [a, b, c, d, new]))
    ]


async def test_an_order_that_is_not_of_this_course_changes_nothing(author: Desk) -> None:
    course, [one, two], [[a, b], [c]] = await with_lessons(author, 2, 1)
    _, [foreign_module], [[foreign]] = await with_lessons(author, 1)
    wrong = [
        order_of((one, [a, b])),
        order_of((one, [a]), (two, [c])),
        order_of((one, [a, b]), (two, [c, c])),
        order_of((one, [a, b]), (two, [c]), (two, [])),
        order_of((one, [a, b]), (two, [c, foreign])),
        order_of((one, [a, b]), (two, [c]), (foreign_module, [])),
        order_of((one, [a, b]), (two, [new_id()])),
        order_of(),
    ]
    for body in wrong:
        assert await author.refused("PUT", f"courses/{course['id']}/order", body) == "order_incomplete", body
    assert outline(await author.read(course)) == [(one, [a, b]), (two, [c])]


async def test_editors_at_once_leave_an_order_that_one_of_them_gave(author: Desk, editor: Desk) -> None:
    course, [one, two], [[a, b, c], []] = await with_lessons(author, 3, 0)
    orders = [((one, [c, b, a]), (two, [])), ((two, [b]), (one, [a, c])), ((two, [a, b, c]), (one, []))]
    path = f"courses/{course['id']}/order"
    asked = [desk.do("PUT", path, order_of(*order)) for order in orders for desk in (author, editor)]
    await asyncio.gather(*asked)
    assert tuple(outline(await author.read(course))) in orders
    # Somebody adds a lesson meanwhile: the order that does not know it is refused, or was there before it.
    added, ordered = await asyncio.gather(
        author.lesson(one), editor.ask("PUT", path, order_of((one, [a, b, c]), (two, [])))
    )
    after = dict(outline(await author.read(course)))
    assert added == after[one][-1]
    assert ordered.status_code in (200, 409)


async def test_new_lessons_at_once_each_have_a_place(author: Desk, editor: Desk) -> None:
    course, [module], _ = await with_lessons(author, 0)
    await asyncio.gather(*(desk.lesson(module) for desk in (author, editor) for _ in range(4)))
    [found] = (await author.read(course))["modules"]
    assert [lesson["order"] for lesson in found["lessons"]] == list(range(1, 9))


async def test_two_editors_who_each_add_half_of_a_cycle(author: Desk, editor: Desk) -> None:
    for _ in range(5):
        course, _, [[a, b, c]] = await with_lessons(author, 3)
        await author.do("PUT", f"lessons/{b}/prerequisites", {"lessonIds": [a]})
        answers = await asyncio.gather(
            author.ask("PUT", f"lessons/{c}/prerequisites", {"lessonIds": [b]}),
            editor.ask("PUT", f"lessons/{a}/prerequisites", {"lessonIds": [c]}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        [refused] = [answer.json()["code"] for answer in answers if answer.status_code == 409]
        assert refused == "prerequisite_cycle"
        edges = {
            lesson["id"]: lesson["prerequisites"]
            for module in (await author.read(course))["modules"]
            for lesson in module["lessons"]
        }
        assert not has_cycle(edges)


async def test_prerequisites_are_of_this_course_and_go_with_their_lesson(author: Desk) -> None:
    _, _, [[a, b, c]] = await with_lessons(author, 3)
    _, _, [[foreign]] = await with_lessons(author, 1)
    path = f"lessons/{c}/prerequisites"
    assert (await author.do("PUT", path, {"lessonIds": [b, a, b]}))["prerequisites"] == [b, a]
    assert await author.refused("PUT", path, {"lessonIds": [c]}) == "prerequisite_cycle"
    for wrong in (foreign, new_id()):
        assert await author.refused("PUT", path, {"lessonIds": [a, wrong]}) == "validation_failed"
    assert (await author.do("GET", f"lessons/{c}"))["prerequisites"] == [b, a]
    await author.do("DELETE", f"lessons/{b}")
    assert (await author.do("GET", f"lessons/{c}"))["prerequisites"] == [a]
    assert (await author.do("PUT", path, {"lessonIds": []}))["prerequisites"] == []


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
def test_a_cycle_is_a_lesson_that_reaches_itself(edges: list[tuple[int, int]]) -> None:
    requires: dict[str, list[str]] = {}
    for lesson, needed in edges:
        requires.setdefault(str(lesson), []).append(str(needed))
    reached = set(edges)
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    assert has_cycle(requires) == any(a == b for a, b in reached)


async def test_a_drip_is_a_day_or_some_days_and_never_both(author: Desk) -> None:
    _, _, [[lesson]] = await with_lessons(author, 1)
    path = f"lessons/{lesson}"
    by_date = await author.do("PATCH", path, {"opensAt": "2030-06-01T06:00:00+05:30", "transcript": "शब्द"})
    assert (by_date["opensAt"], by_date["opensAfterDays"]) == ("2030-06-01T00:30:00Z", None)
    by_days = await author.do("PATCH", path, {"opensAfterDays": 7})
    assert (by_days["opensAt"], by_days["opensAfterDays"], by_days["transcript"]) == (None, 7, "शब्द")
    again = await author.do("PATCH", path, {"opensAt": "2030-06-01T06:00:00Z"})
    assert (again["opensAfterDays"], again["isRequired"]) == (None, True)
    never = await author.do("PATCH", path, {"opensAt": None})
    assert (never["opensAt"], never["opensAfterDays"]) == (None, None)


async def test_dates_belong_to_live_lessons(author: Desk) -> None:
    _, [module], [[text]] = await with_lessons(author, 1)
    live = await author.lesson(module, type="live-session", title="Ask a vaidya")
    date = {"startsAt": "2030-01-01T18:00:00+05:30", "duration": 60, "joinUrl": "https://meet.example/x?pwd=1"}
    assert await author.refused("POST", f"lessons/{text}/live-sessions", date) == "lesson_type_differs"
    [made] = (await author.do("POST", f"lessons/{live}/live-sessions", date))["liveSessions"]
    assert (made["title"], made["startsAt"], made["duration"]) == ("Ask a vaidya", "2030-01-01T12:30:00Z", 60)
    path = f"live-sessions/{made['id']}"
    assert await author.refused("PATCH", path, {"joinUrl": "http://meet.example/x"}) == "validation_failed"
    [moved] = (await author.do("PATCH", path, {"startsAt": "2030-01-02T12:30:00Z"}))["liveSessions"]
    assert moved == {**made, "startsAt": "2030-01-02T12:30:00Z"}
    await author.do("DELETE", path)
    assert (await author.do("GET", f"lessons/{live}"))["liveSessions"] == []
    assert await author.refused("DELETE", path) == "not_found"


async def test_what_happened_in_a_lesson_outlives_it(author: Desk, new_person: NewPerson) -> None:
    course, [module], [[lesson, other]] = await with_lessons(author, 2)
    person = await new_person()
    await enroll(person.id, course["id"])
    for lesson_id in (lesson, other):
        await fetch(
            'INSERT INTO course_analytics (id, "courseId", "userId", "eventType", "lessonId", metadata)'
            " VALUES ($1, $2, $3, 'view', $4, '{\"device\": \"phone\"}')",
            *(new_id(), course["id"], person.id, lesson_id),
        )
    await author.do("DELETE", f"lessons/{lesson}")
    await author.do("DELETE", f"modules/{module}")
    rows = await fetch('SELECT "lessonId", metadata::text FROM course_analytics WHERE "courseId" = $1', course["id"])
    assert all(row["lessonId"] is None and '"phone"' in row["metadata"] for row in rows)
    assert {lesson_id for row in rows for lesson_id in (lesson, other) if lesson_id in row["metadata"]} == {
        *(lesson, other)
    }
