"""Sitting a quiz: what counts, what is refused, and that nothing counts twice."""

import asyncio
from typing import Any

import pytest

from db.queries.learning.quiz_attempts import hand_in
from db.sql import fetch, fetch_one
from domain.identifiers import new_id
from tests.integration.learning.learners import audits, enrollment
from tests.integration.learning.quizzes import NewQuiz, over, right_answers


async def test_a_right_attempt_completes_the_lesson_and_the_course(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz()).new_sitter()
    done = await sitter.sit()
    assert (done["score"], done["isPassed"], done["submittedBy"]) == (100, True, "learner")
    progress = await sitter.progress()
    assert (progress["status"], progress["score"], progress["attempts"]) == ("completed", 100, 1)
    assert (await enrollment(sitter.enrollment_id))["reached"]
    assert await audits("quiz.submitted", sitter.enrollment_id) == 1


async def test_an_attempt_counts_from_its_start_and_the_open_one_goes_on(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz(maxAttempts=2)).new_sitter()
    first = await sitter.starts("one-key")
    assert first.status_code == 201
    assert (await sitter.progress())["attempts"] == 1
    attempt = first.json()
    for again in (await sitter.starts("one-key"), await sitter.starts()):
        assert (again.status_code, again.json()["id"]) == (200, attempt["id"])
        assert again.json()["questions"] == attempt["questions"]
    assert (await sitter.submit(attempt["id"])).json()["score"] == 0
    late = await sitter.starts("one-key")
    assert (late.status_code, late.json()["id"]) == (200, attempt["id"]), "a request that comes again begins nothing"
    second = await sitter.start()
    assert second["number"] == 2
    assert second["questions"] != attempt["questions"], "a seed of its own"
    await sitter.submit(second["id"])
    assert (
        await sitter.refused(
            "POST", f"/lessons/{sitter.lesson_id}/quiz/attempts", headers={"Idempotency-Key": new_id()}
        )
        == "attempts_used"
    )


async def test_starts_at_once_begin_one_attempt(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz(maxAttempts=1)
    sitters = [await quiz.new_sitter() for _ in range(4)]
    answers = await asyncio.gather(*(sitter.starts(key) for sitter in sitters for key in ("a", "a", "b", "c")))
    for number, sitter in enumerate(sitters):
        mine = answers[4 * number : 4 * number + 4]
        assert sorted(answer.status_code for answer in mine) == [200, 200, 200, 201]
        assert len({answer.json()["id"] for answer in mine}) == 1
        assert (await sitter.progress())["attempts"] == 1


async def test_only_newer_answers_replace_what_is_saved(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz()).new_sitter()
    attempt = await sitter.start()
    assert (await sitter.save(attempt["id"], 2, {"word": "two"})).json() == {"sequence": 2}
    assert (await sitter.save(attempt["id"], 2, {"word": "two"})).json() == {"sequence": 2}, "the same again"
    for sequence in (1, 2):
        refused = await sitter.save(attempt["id"], sequence, {"word": "another"})
        assert refused.json()["code"] == "answers_outdated"
    read = await sitter.ok("GET", f"/quiz-attempts/{attempt['id']}")
    assert (read["sequence"], read["answers"]) == (2, {"word": "two"})
    order = list(range(3, 23))
    await asyncio.gather(*(sitter.save(attempt["id"], number, {"word": str(number)}) for number in order[::-1]))
    read = await sitter.ok("GET", f"/quiz-attempts/{attempt['id']}")
    assert (read["sequence"], read["answers"]) == (22, {"word": "22"})


@pytest.mark.parametrize(
    "answers",
    [
        {"dosha": "1"},
        {"dosha": True},
        {"two": ["x"]},
        {"true": "true"},
        {"word": ["ghee"]},
        {"order": {"a": "b"}},
        {"match": {"a": "b"}},
        {"nobody asked": "x"},
    ],
)
async def test_what_cannot_be_an_answer_is_named(new_quiz: NewQuiz, answers: dict[str, Any]) -> None:
    sitter = await (await new_quiz()).new_sitter()
    attempt = await sitter.start()
    refused = (await sitter.save(attempt["id"], 1, answers)).json()
    assert refused["code"] == "validation_failed"
    assert [error["field"] for error in refused["errors"]] == [f"answers.{name}" for name in answers]


async def test_two_submissions_at_once_count_once(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz()
    sitters = [await quiz.new_sitter() for _ in range(5)]
    attempts = [await sitter.start() for sitter in sitters]
    for sitter, attempt in zip(sitters, attempts, strict=True):
        await sitter.save(attempt["id"], 1, await right_answers(attempt["id"]))
    pairs = [pair for pair in zip(sitters, attempts, strict=True) for _ in range(3)]
    answers = await asyncio.gather(*(sitter.submit(attempt["id"]) for sitter, attempt in pairs))
    assert [(answer.status_code, answer.json()["score"]) for answer in answers] == [(200, 100)] * 15
    for sitter in sitters:
        assert await audits("quiz.submitted", sitter.enrollment_id) == 1
        assert await audits("lesson.completed", sitter.enrollment_id) == 1


async def test_after_the_deadline_what_was_saved_counts_and_nothing_else(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz(timeLimit=30)).new_sitter()
    attempt = await sitter.start()
    assert 29 * 60 < attempt["secondsLeft"] <= 30 * 60
    await sitter.save(attempt["id"], 1, await right_answers(attempt["id"]))
    await over(attempt["id"])
    assert (await sitter.save(attempt["id"], 2, {})).json()["code"] == "attempt_over"
    assert (await sitter.submit(attempt["id"])).json()["code"] == "attempt_over"
    assert (await sitter.progress())["status"] == "in_progress"
    await hand_in(attempt["id"])
    assert (await sitter.submit(attempt["id"])).json()["code"] == "attempt_over"
    read = await sitter.ok("GET", f"/quiz-attempts/{attempt['id']}")
    assert (read["score"], read["submittedBy"], read["secondsLeft"]) == (100, "deadline", None)
    assert (await sitter.progress())["status"] == "completed"
    assert await audits("quiz.submitted", sitter.enrollment_id) == 1


async def test_the_deadline_is_not_handed_in_before_it_is_there(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz(timeLimit=30)).new_sitter()
    attempt = await sitter.start()
    left = (await hand_in(attempt["id"])).seconds_left
    assert left is not None
    assert 29 * 60 < left <= 30 * 60
    assert (await sitter.submit(attempt["id"])).is_success
    assert (await hand_in(attempt["id"])).seconds_left is None


async def test_submit_and_deadline_at_the_same_instant_count_once(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz(timeLimit=1)
    sitters = [await quiz.new_sitter() for _ in range(12)]
    attempts = [(await sitter.start())["id"] for sitter in sitters]
    for sitter, attempt in zip(sitters, attempts, strict=True):
        await sitter.save(attempt, 1, await right_answers(attempt))

    soon = "UPDATE quiz_attempts SET deadline_at = clock_timestamp() + interval '0.1 s' WHERE quiz_id = $1"
    await fetch(soon, quiz.id)

    async def until_handed_in(attempt: str) -> None:
        while (left := (await hand_in(attempt)).seconds_left) is not None:
            await asyncio.sleep(left)

    await asyncio.gather(
        *(sitter.submit(attempt) for sitter, attempt in zip(sitters, attempts, strict=True)),
        *(until_handed_in(attempt) for attempt in attempts),
    )
    for sitter, attempt in zip(sitters, attempts, strict=True):
        row = await fetch_one("SELECT score, submitted_by FROM quiz_attempts WHERE id = $1", attempt)
        assert row is not None
        assert row["score"] == 100
        assert await audits("quiz.submitted", sitter.enrollment_id) == 1
        assert (await sitter.progress())["attempts"] == 1


async def test_a_next_start_does_not_wait_for_the_story_of_the_last_deadline(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz(timeLimit=30)).new_sitter()
    first = await sitter.start()
    await over(first["id"])
    second = await sitter.start()
    assert second["number"] == 2
    standing = await sitter.standing()
    assert [attempt["submittedBy"] for attempt in standing["attempts"]] == ["deadline", None]
    assert standing["openAttemptId"] == second["id"]


async def test_a_cool_down_follows_each_submission(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz(coolDownMinutes=30)).new_sitter()
    assert (await sitter.standing())["nextAttemptAt"] is None
    await sitter.sit({})
    assert (await sitter.starts()).json()["code"] == "quiz_cool_down"
    assert (await sitter.standing())["nextAttemptAt"] is not None
    await fetch(
        "UPDATE quiz_attempts SET submitted_at = submitted_at - interval '30 min' WHERE enrollment_id = $1",
        sitter.enrollment_id,
    )
    assert (await sitter.start())["number"] == 2


@pytest.mark.parametrize(("counts", "scores"), [("best", [100, 100]), ("last", [100, 0])])
async def test_the_best_or_the_last_score_counts_and_passing_stays(
    new_quiz: NewQuiz, counts: str, scores: list[int]
) -> None:
    sitter = await (await new_quiz(scoreCounts=counts)).new_sitter()
    seen = []
    for is_wrong in (False, True):
        await sitter.sit({} if is_wrong else None)
        seen.append((await sitter.progress())["score"])
    assert seen == scores
    assert (await sitter.progress())["status"] == "completed"
    assert (await sitter.standing())["score"] == scores[-1]


async def test_allowances_move_the_deadline_and_give_attempts(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz(timeLimit=10, maxAttempts=1)
    sitter, other = await quiz.new_sitter(), await quiz.new_sitter()
    attempt = await sitter.start()
    await quiz.allow(sitter, 5, 1)
    read = await sitter.ok("GET", f"/quiz-attempts/{attempt['id']}")
    assert 14 * 60 < read["secondsLeft"] <= 15 * 60, "the open attempt has it, too"
    await quiz.allow(sitter, 0, 1)
    assert (await sitter.ok("GET", f"/quiz-attempts/{attempt['id']}"))["deadlineAt"] == read["deadlineAt"]
    await sitter.submit(attempt["id"])
    second = await sitter.start()
    assert 9 * 60 < second["secondsLeft"] <= 10 * 60
    await sitter.submit(second["id"])
    assert (await sitter.starts()).json()["code"] == "attempts_used"
    await other.sit({})
    assert (await other.starts()).json()["code"] == "attempts_used"
    over_now = await quiz.new_sitter()
    late = await over_now.start()
    await over(late["id"])
    await quiz.allow(over_now, 60, 0)
    assert (await over_now.submit(late["id"])).json()["code"] == "attempt_over", "what is over stays over"
