"""Submissions and gradings: nobody overwrites anybody, a pass completes the lesson, and its learner is told once."""

import asyncio
from typing import Any

import pytest

from bootstrap import Services
from db.queries.messaging.messages import read_message
from db.sql import fetch, fetch_one
from domain.messaging.mail_facts import AssignmentGradedFacts
from tests.integration.assignments.classroom import RUBRIC, Classroom
from tests.integration.assignments.test_uploads import code
from tests.integration.learning.learners import audits, enrollment
from tests.integration.messaging.phones import with_device

pytestmark = pytest.mark.usefixtures("services")


async def submitted(room: Classroom) -> str:
    answer = await room.learner.hand_in(room.lesson_id)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def own(room: Classroom) -> list[dict[str, Any]]:
    answer = await room.learner.call("GET", f"/lessons/{room.lesson_id}/assignment")
    return list(answer.json()["submissions"])


async def test_a_pass_completes_the_lesson_and_tells_over_both_channels(room: Classroom) -> None:
    await with_device(room.learner.person, "fcm")
    submission_id = await submitted(room)
    graded = await room.instructor.grade(submission_id, 1, 60, 25)
    assert graded.status_code == 201, graded.text
    assert (graded.json()["state"], graded.json()["gradings"][-1]["score"]) == ("graded", 85)
    row = await enrollment(room.enrollment_id)
    assert (row["percentage"], row["reached"], await audits("assignment.graded", submission_id)) == (100, True, 1)
    [mine] = await own(room)
    grading = mine["gradings"][0]
    assert (grading["score"], grading["hasPassed"], grading["feedback"]) == (85, True, "Well observed.")
    assert [(p["criterionId"], p["points"], p["most"]) for p in grading["points"]] == [
        ("content", 60, 70),
        ("form", 25, 30),
    ]
    rows = await fetch(
        "SELECT id, channel, category FROM outgoing_messages WHERE user_id = $1 AND template = 'assignment-graded'"
        " ORDER BY channel",
        room.learner.person.id,
    )
    assert [(r["channel"], r["category"]) for r in rows] == [("email", "transactional"), ("push", "transactional")]
    message = await read_message(rows[0]["id"])
    assert message is not None
    assert isinstance(message.facts, AssignmentGradedFacts)
    assert (message.facts.score, message.facts.feedback) == (85, "Well observed.")


async def test_a_fail_completes_nothing_and_no_other_version_is_taken_unless_asked_for(room: Classroom) -> None:
    submission_id = await submitted(room)
    await room.instructor.grade(submission_id, 1, 40, 29)
    assert (await enrollment(room.enrollment_id))["percentage"] == 0
    assert code(await room.learner.hand_in(room.lesson_id)) == (409, "submission_graded")
    again = await room.instructor.grade(submission_id, 2, 40, 29, asksAgain=True)
    assert (again.status_code, again.json()["state"]) == (201, "returned")
    second = await room.learner.hand_in(room.lesson_id)
    assert (second.status_code, second.json()["number"]) == (201, 2)
    old = await room.instructor.grade(submission_id, await room.instructor.version(submission_id), 70, 30)
    assert code(old) == (409, "submission_replaced")
    assert (await room.instructor.grade(second.json()["id"], 1, 40, 30)).status_code == 201
    assert (await enrollment(room.enrollment_id))["percentage"] == 100, "exactly the mark that passes"
    assert [one["state"] for one in await own(room)] == ["graded", "returned"]


async def test_a_regrade_is_kept_as_history_and_takes_no_completion_back(room: Classroom) -> None:
    submission_id = await submitted(room)
    await room.instructor.grade(submission_id, 1, 70, 30)
    worse = await room.admin.grade(submission_id, 2, 10, 0)
    assert [g["score"] for g in worse.json()["gradings"]] == [100, 10]
    row = await enrollment(room.enrollment_id)
    assert (row["percentage"], row["reached"]) == (100, True)
    told = await fetch(
        "SELECT FROM outgoing_messages WHERE user_id = $1 AND template = 'assignment-graded'", room.learner.person.id
    )
    assert len(told) == 2, "once for each grading"


async def test_two_graders_at_once_do_not_overwrite(room: Classroom) -> None:
    submission_id = await submitted(room)
    answers = await asyncio.gather(
        *(room.instructor.grade(submission_id, 1, 70, n) for n in range(4)),
        *(room.admin.grade(submission_id, 1, 0, n) for n in range(4)),
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {code(answer)[1] for answer in answers if answer.status_code == 409} == {"submission_changed"}
    assert len(await fetch("SELECT FROM assignment_gradings WHERE submission_id = $1", submission_id)) == 1
    assert len(await fetch("SELECT FROM outgoing_messages WHERE user_id = $1", room.learner.person.id)) == 1


async def test_a_claim_keeps_others_away_and_ends(room: Classroom) -> None:
    submission_id = await submitted(room)
    claims = await asyncio.gather(
        *(one.call("POST", f"/submissions/{submission_id}/claim") for one in (room.instructor, room.admin))
    )
    assert sorted(claim.status_code for claim in claims) == [200, 409]
    winner, loser = (room.instructor, room.admin) if claims[0].status_code == 200 else (room.admin, room.instructor)
    version = await winner.version(submission_id)
    assert code(await loser.grade(submission_id, version, 70, 30)) == (409, "submission_claimed")
    again = await winner.call("POST", f"/submissions/{submission_id}/claim")
    assert (again.json()["version"], again.json()["claimedBy"]) == (version, winner.person.id)
    [queued] = (await loser.call("GET", f"/submissions?courseId={room.course_id}")).json()["items"]
    assert queued["claimedBy"] == winner.person.id
    await loser.call("DELETE", f"/submissions/{submission_id}/claim")
    assert code(await loser.call("POST", f"/submissions/{submission_id}/claim")) == (409, "submission_claimed")
    await fetch(
        "UPDATE assignment_submissions SET claimed_at = now() - interval '121 min' WHERE id = $1", submission_id
    )
    assert (await loser.call("POST", f"/submissions/{submission_id}/claim")).status_code == 200
    assert code(await winner.grade(submission_id, version, 70, 30)) == (409, "submission_claimed")


async def test_resubmitted_while_it_is_graded(room: Classroom) -> None:
    first = await submitted(room)
    await room.instructor.call("POST", f"/submissions/{first}/claim")
    version = await room.instructor.version(first)
    second = await submitted(room)
    assert code(await room.instructor.grade(first, version, 70, 30)) == (409, "submission_changed")
    [queued] = (await room.instructor.call("GET", f"/submissions?courseId={room.course_id}")).json()["items"]
    assert (queued["id"], queued["number"], queued["claimedBy"]) == (second, 2, None)
    assert [one["state"] for one in await own(room)] == ["submitted", "replaced"]


async def test_graded_or_replaced_at_the_same_instant_one_of_both_holds(room: Classroom) -> None:
    first, file_id = await submitted(room), await room.learner.upload(room.lesson_id)
    graded, handed_in = await asyncio.gather(
        room.instructor.grade(first, 1, 70, 30), room.learner.hand_in(room.lesson_id, file_id)
    )
    assert sorted((graded.status_code, handed_in.status_code)) == [201, 409]
    gradings = await fetch("SELECT FROM assignment_gradings WHERE submission_id = $1", first)
    assert len(gradings) == (graded.status_code == 201)


async def test_the_same_files_again_are_the_same_submission(room: Classroom) -> None:
    file_id = await room.learner.upload(room.lesson_id)
    answers = await asyncio.gather(*(room.learner.hand_in(room.lesson_id, file_id) for _ in range(4)))
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(201, answers[0].json()["id"])}
    other = await room.learner.upload(room.lesson_id)
    mixed = await room.learner.hand_in(room.lesson_id, file_id, other)
    assert code(mixed) == (422, "file_not_ready"), "a file belongs to one submission"
    assert len(await own(room)) == 1, "nothing half done"


async def test_only_stored_files_of_ones_own_are_handed_in(room: Classroom) -> None:
    announced = (await room.learner.announce(room.lesson_id)).json()["id"]
    for file_id in (announced, "nobodys"):
        assert code(await room.learner.hand_in(room.lesson_id, file_id)) == (422, "file_not_ready")
    assert code(await room.stranger.hand_in(room.lesson_id, announced)) == (403, "lesson_locked")
    assert await own(room) == []


async def test_graders_are_the_courses_own_and_admins_and_nobody_grades_themselves(room: Classroom) -> None:
    submission_id = await submitted(room)
    body = {"instructions": "Mine now.", "rubric": RUBRIC}
    refused = (
        await room.stranger.call("GET", f"/submissions/{submission_id}"),
        await room.stranger.call("POST", f"/submissions/{submission_id}/claim"),
        await room.stranger.grade(submission_id, 1, 70, 30),
        await room.stranger.call("PUT", f"/lessons/{room.lesson_id}/assignment", body),
    )
    assert {code(answer) for answer in refused} == {(404, "not_found")}
    assert (await room.stranger.call("GET", "/submissions")).json()["items"] == []
    await fetch("UPDATE users SET roles = '{ContentAdmin}' WHERE id = $1", room.learner.person.id)
    assert code(await room.learner.grade(submission_id, 1, 70, 30)) == (404, "not_found")
    listed = (await room.learner.call("GET", f"/submissions?courseId={room.course_id}")).json()["items"]
    assert listed == []


async def test_points_have_to_be_the_rubrics(room: Classroom) -> None:
    submission_id = await submitted(room)
    for content, form in ((71, 0), (70, 31)):
        answer = await room.instructor.grade(submission_id, 1, content, form)
        assert code(answer) == (422, "validation_failed")
    body = {"instructions": "Describe.", "rubric": [{"id": "all", "title": "All", "points": 99}]}
    wrong = await room.instructor.call("PUT", f"/lessons/{room.lesson_id}/assignment", body)
    assert code(wrong) == (422, "validation_failed")
    body["rubric"] = [{"id": "all", "title": "All", "points": 100}]
    assert (await room.instructor.call("PUT", f"/lessons/{room.lesson_id}/assignment", body)).status_code == 200
    assert code(await room.instructor.grade(submission_id, 1, 70, 30)) == (422, "validation_failed")
    assert await room.instructor.version(submission_id) == 1, "nothing was graded"


async def test_work_that_was_handed_in_while_access_held_counts_after_its_end(room: Classroom) -> None:
    submission_id = await submitted(room)
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1", room.learner.person.id)
    assert (await room.instructor.grade(submission_id, 1, 70, 30)).status_code == 201
    row = await fetch_one('SELECT status FROM lesson_progress WHERE "enrollmentId" = $1', room.enrollment_id)
    assert row is not None
    assert row["status"] == "completed"


async def test_the_queue_is_read_page_by_page(room: Classroom, services: Services) -> None:
    submission_id = await submitted(room)
    for number in range(3):
        await fetch(
            """INSERT INTO assignment_submissions (id, enrollment_id, lesson_id, number, state)
               SELECT $1, $2, id, 1, 'submitted' FROM course_lessons WHERE id = $3""",
            *(f"{submission_id}-{number}", room.enrollment_id, await another_lesson(room)),
        )
    seen, path = [], f"/submissions?courseId={room.course_id}&limit=3"
    page = (await room.instructor.call("GET", path)).json()
    seen += [item["id"] for item in page["items"]]
    rest = (await room.instructor.call("GET", f"{path}&cursor={page['nextCursor']}")).json()
    seen += [item["id"] for item in rest["items"]]
    assert (seen, rest["nextCursor"]) == ([submission_id, *(f"{submission_id}-{n}" for n in range(3))], None)


async def another_lesson(room: Classroom) -> str:
    from tests.integration.catalog.catalog_rows import add_lesson

    row = await fetch_one('SELECT "moduleId" AS id FROM course_lessons WHERE id = $1', room.lesson_id)
    assert row is not None
    return await add_lesson(row["id"], 2)
