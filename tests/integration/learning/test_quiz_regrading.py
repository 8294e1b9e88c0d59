"""A question that was wrong itself: who was asked it has its points, whenever they hand in; nobody loses anything."""

import asyncio

import pytest

from db.queries.learning import quiz_regrading
from db.queries.learning.quiz_grading import grade_again
from db.queries.learning.quiz_regrading import regrade_batch
from db.sql import fetch
from domain.learning.quizzes import RegradeInput
from tests.integration.learning.learners import audits, enrollment
from tests.integration.learning.quizzes import NewQuiz, Sitter, right_answers

pytestmark = pytest.mark.usefixtures("services")


async def regrade(void_id: str) -> list[str]:
    """All batches, as the story runs them; the enrollments that were done by it."""
    batch: RegradeInput | None = RegradeInput(void_id)
    completed: list[str] = []
    while batch is not None:
        done = await regrade_batch(batch)
        completed += done.completed_enrollments
        batch = done.next
    return completed


async def handed_in_without(sitter: Sitter, *questions: str) -> int:
    """The score of an attempt in which these were left out."""
    attempt = await sitter.start()
    answers = await right_answers(attempt["id"])
    await sitter.save(attempt["id"], 1, {name: answer for name, answer in answers.items() if name not in questions})
    return int((await sitter.submit(attempt["id"])).json()["score"])


async def test_a_void_completes_who_lacked_it_and_lowers_nobody(
    new_quiz: NewQuiz, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiz_regrading, "REGRADE_BATCH", 2)
    quiz = await new_quiz(passingScore=70)
    passed, lacked_it, lacked_more, open_now = [await quiz.new_sitter() for _ in range(4)]
    others = [await quiz.new_sitter() for _ in range(3)]
    assert await handed_in_without(passed) == 100
    assert await handed_in_without(lacked_it, "order") == 69
    assert await handed_in_without(lacked_more, "order", "match", "two") == 30
    assert [await handed_in_without(sitter, "order") for sitter in others] == [69] * 3
    attempt = await open_now.start()
    void = await quiz.void("order")
    assert (void["questionId"], void["regradedAt"]) == ("order", None)
    assert await open_now.submit(attempt["id"])
    assert (await open_now.progress())["score"] == 30, "4 of 13: graded by it at once"

    done = await regrade(void["id"])
    assert sorted(done) == sorted(sitter.enrollment_id for sitter in (lacked_it, *others))
    everybody = (passed, lacked_it, lacked_more, open_now, *others)
    assert [(await sitter.progress())["score"] for sitter in everybody] == [100, 100, 61, 30, 100, 100, 100]
    states = [(await sitter.progress())["status"] for sitter in everybody[:4]]
    assert states == ["completed", "completed", "in_progress", "in_progress"]
    assert await audits("quiz.submitted", lacked_it.enrollment_id) == 1, "handed in once, graded twice"
    assert await audits("lesson.completed", passed.enrollment_id) == 1
    assert await audits("quiz.regraded", quiz.id) == 1

    assert await regrade(void["id"]) == [], "done twice it changes nothing"
    assert await audits("quiz.regraded", quiz.id) == 1
    again = await quiz.void("order")
    assert again["id"] == void["id"]
    assert again["regradedAt"] is not None
    read = await quiz.author.ok("GET", f"/authoring/quiz-versions/{quiz.version_id}")
    assert read["voided"] == ["order"]


async def test_a_walk_that_is_cut_off_goes_on(new_quiz: NewQuiz, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiz_regrading, "REGRADE_BATCH", 3)
    quiz = await new_quiz(passingScore=70)
    sitters = [await quiz.new_sitter() for _ in range(5)]
    for sitter in sitters:
        await handed_in_without(sitter, "order")
    void = await quiz.void("order")
    real, left = grade_again, 2

    async def cut_off(attempt: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionError
        return await real(attempt)

    monkeypatch.setattr(quiz_regrading, "grade_again", cut_off)
    with pytest.raises(ConnectionError):
        await regrade(void["id"])
    assert [(await sitter.progress())["score"] for sitter in sitters] == [100, 100, 69, 69, 69]
    monkeypatch.setattr(quiz_regrading, "grade_again", real)
    await regrade(void["id"])
    assert [(await sitter.progress())["score"] for sitter in sitters] == [100] * 5
    for sitter in sitters:
        assert (await enrollment(sitter.enrollment_id))["reached"]
        assert await audits("lesson.completed", sitter.enrollment_id) == 1


async def test_whoever_hands_in_while_a_question_is_voided_has_its_points(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz(passingScore=70)
    sitters = [await quiz.new_sitter() for _ in range(12)]

    async def hands_in(sitter: Sitter, attempt_id: str) -> None:
        assert (await sitter.submit(attempt_id)).is_success

    attempts = [(await sitter.start())["id"] for sitter in sitters]
    for sitter, attempt in zip(sitters, attempts, strict=True):
        answers = await right_answers(attempt)
        del answers["order"]
        await sitter.save(attempt, 1, answers)
    voiding = asyncio.create_task(quiz.void("order"))
    handing_in = [hands_in(sitter, attempt) for sitter, attempt in zip(sitters, attempts, strict=True)]
    await asyncio.gather(*handing_in, voiding)
    await regrade((await voiding)["id"])
    assert [(await sitter.progress())["score"] for sitter in sitters] == [100] * 12


async def test_only_who_was_asked_it_in_that_version_has_its_points(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz()
    before, after = await quiz.new_sitter(), await quiz.new_sitter()
    assert await handed_in_without(before, "order") == 69
    newer = await quiz.put(title="Better", shuffle=False)
    assert newer["version"]["number"] == 2
    assert await handed_in_without(after, "order") == 69
    await regrade((await quiz.void("order"))["id"])
    assert [(await sitter.progress())["score"] for sitter in (before, after)] == [100, 69]


async def test_a_new_version_leaves_who_has_begun_alone(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz()
    sitter, next_one = await quiz.new_sitter(), await quiz.new_sitter()
    attempt = await sitter.start()
    new = {"kind": "true_false", "id": "new", "prompt": "?", "answer": True}
    written = await quiz.put(questions=[new])
    assert [version["number"] for version in written["versions"]] == [2, 1]
    assert (await sitter.ok("GET", f"/quiz-attempts/{attempt['id']}"))["questions"] == attempt["questions"]
    await sitter.save(attempt["id"], 1, await right_answers(attempt["id"]))
    assert (await sitter.submit(attempt["id"])).json()["score"] == 100
    assert [question["id"] for question in (await next_one.start())["questions"]] == ["new"]
    same = await quiz.put(title="Other words", questions=[new])
    assert same["version"]["number"] == 2, "other rules are no new version"


async def test_what_was_passed_stays_passed_whatever_grading_says(new_quiz: NewQuiz) -> None:
    """No void takes points; should a rule of grading ever change, a regrade must not take a completion away."""
    quiz = await new_quiz()
    sitter = await quiz.new_sitter()
    await sitter.sit()
    await fetch("UPDATE quiz_attempts SET answers = '{}' WHERE enrollment_id = $1", sitter.enrollment_id)
    await regrade((await quiz.void("dosha"))["id"])
    row = (await sitter.standing())["attempts"][0]
    assert (row["score"], row["isPassed"]) == (7, True)
    assert (await sitter.progress())["status"] == "completed"
    assert (await enrollment(sitter.enrollment_id))["reached"]
