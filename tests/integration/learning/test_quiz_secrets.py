"""What is right stays on the server until nothing is left to be guessed; and whose quiz is whose."""

import json
from typing import Any

import httpx
from litestar import Litestar

from db.sql import fetch
from domain.identifiers import new_id
from domain.identity.roles import Role
from tests.integration.catalog.catalog_rows import add_course, add_lesson, add_module
from tests.integration.conftest import NewPerson
from tests.integration.learning.learners import complete
from tests.integration.learning.quizzes import NewQuiz, body_of, caller_of, quiz_lesson, right_answers

WORD = {"kind": "short_text", "id": "word", "prompt": "Its name?", "answers": ["SECRET-WORD"]}
MARKED: list[dict[str, Any]] = [
    {**WORD, "explanation": "SECRET-WHY"},
    {"kind": "numeric", "id": "number", "prompt": "How many?", "answer": "918273645", "tolerance": "0.0918273645"},
    {"kind": "true_false", "id": "true", "prompt": "Is it so?", "answer": True},
    {"kind": "single", "id": "one", "prompt": "Which?", "options": ["A", "B"], "answer": 1},
]
SECRETS = ("SECRET-WORD", "SECRET-WHY", "918273645", "tolerance", 'answer"', "rightAnswer", "seed")


async def test_no_answer_of_the_api_tells_what_is_right_too_early(
    app: Litestar, client: httpx.AsyncClient, new_quiz: NewQuiz
) -> None:
    """Every answer that a learner gets until the last attempt is handed in is searched."""
    quiz = await new_quiz(questions=MARKED, maxAttempts=2, shuffle=False)
    sitter = await quiz.new_sitter()
    heard: list[str] = []

    async def hear(method: str, path: str, **more: Any) -> Any:
        answer = await sitter.call(method, path, **more)
        heard.append(answer.text)
        return answer.json()

    async def look_around(attempt_id: str) -> None:
        lesson = f"/lessons/{sitter.lesson_id}/quiz"
        for path in (
            *(
                lesson,
                f"/quiz-attempts/{attempt_id}",
                f"/courses/{quiz.course_id}",
                "/courses?limit=50",
                "/me/enrollments",
            ),
            *(f"/authoring{lesson}", f"/authoring/quiz-versions/{quiz.version_id}"),
        ):
            await hear("GET", path)
        for name, answer in (("word", "SECRET"), ("number", "91827364"), ("one", "B"), ("true", "x")):
            await hear("PUT", f"/quiz-attempts/{attempt_id}/answers", json={"sequence": 1, "answers": {name: answer}})

    for _ in range(2):
        begun = await hear("POST", f"/lessons/{sitter.lesson_id}/quiz/attempts", headers={"Idempotency-Key": new_id()})
        await look_around(begun["id"])
        if begun["number"] == 1:
            handed_in = await hear("POST", f"/quiz-attempts/{begun['id']}/submission")
            assert handed_in["feedback"] is None
            await look_around(begun["id"])
        else:
            first = (await sitter.standing())["attempts"][0]["id"]
            assert (await hear("GET", f"/quiz-attempts/{first}"))["feedback"] is None, "while another one is open"
    for text in heard:
        for secret in SECRETS:
            assert secret not in text, (secret, text)
    last = (await sitter.submit(begun["id"])).json()
    told = json.dumps(last)
    assert all(word in told for word in ("SECRET-WORD", "SECRET-WHY", "918273645"))
    assert (await sitter.ok("GET", f"/quiz-attempts/{first}"))["feedback"] is not None


async def test_the_feedback_says_of_each_question_what_it_was_worth(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz(maxAttempts=1)
    sitter = await quiz.new_sitter()
    attempt = await sitter.start()
    answers = await right_answers(attempt["id"])
    answers["order"] = [*answers["order"][:2], answers["order"][3], answers["order"][2]]
    del answers["word"]
    await sitter.save(attempt["id"], 1, answers)
    done = (await sitter.submit(attempt["id"])).json()
    worth = {row["questionId"]: row["points"] for row in done["feedback"]}
    assert worth == {
        **{"dosha": "1.00", "two": "2.00", "true": "1.00", "word": "0.00", "warmth": "1.00"},
        **{"order": "2.00", "match": "3.00"},
    }
    assert done["score"] == 76, "10 of 13, rounded down"
    right = {row["questionId"]: row["rightAnswer"] for row in done["feedback"]}
    assert right == await right_answers(attempt["id"])


async def test_who_is_given_another_attempt_does_not_see_it_any_more(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz(maxAttempts=1)
    sitter = await quiz.new_sitter()
    done = await sitter.sit({})
    assert done["feedback"] is not None
    await quiz.allow(sitter, 0, 1)
    assert (await sitter.ok("GET", f"/quiz-attempts/{done['id']}"))["feedback"] is None


async def test_without_a_limit_of_attempts_there_is_always_one_left(new_quiz: NewQuiz) -> None:
    sitter = await (await new_quiz(maxAttempts=None)).new_sitter()
    done = await sitter.sit()
    assert done["feedback"] is None
    assert (await sitter.standing())["attemptsLeft"] is None


async def test_another_ones_attempt_is_not_there(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz()
    sitter, other = await quiz.new_sitter(), await quiz.new_sitter()
    attempt = await sitter.start()
    path = f"/quiz-attempts/{attempt['id']}"
    assert await other.refused("GET", path) == "not_found"
    assert await other.refused("POST", f"{path}/submission") == "not_found"
    assert await other.refused("PUT", f"{path}/answers", json={"sequence": 1, "answers": {}}) == "not_found"
    assert await sitter.refused("GET", "/quiz-attempts/nothing") == "not_found"


async def test_access_is_asked_at_every_step(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz()
    sitter = await quiz.new_sitter()
    attempt = await sitter.start()
    await fetch("UPDATE entitlements SET ended_at = now() WHERE user_id = $1", sitter.user_id)
    path = f"/quiz-attempts/{attempt['id']}"
    assert await sitter.refused("GET", path) == "lesson_locked"
    assert await sitter.refused("PUT", f"{path}/answers", json={"sequence": 1, "answers": {}}) == "lesson_locked"
    assert await sitter.refused("POST", f"{path}/submission") == "lesson_locked"
    assert await sitter.refused("GET", f"/lessons/{quiz.lesson_id}/quiz") == "lesson_locked"
    assert (await sitter.starts()).json()["code"] == "lesson_locked"
    await fetch("UPDATE entitlements SET ended_at = NULL WHERE user_id = $1", sitter.user_id)
    assert (await sitter.submit(attempt["id"])).is_success, "who comes back goes on"


async def test_a_lesson_that_comes_first_shuts_the_start_but_no_attempt_that_was_begun(new_quiz: NewQuiz) -> None:
    quiz = await new_quiz()
    begun, waiting = await quiz.new_sitter(), await quiz.new_sitter()
    attempt = await begun.start()
    first = await add_lesson(await add_module(quiz.course_id, 0), 1)
    await fetch("INSERT INTO lesson_prerequisites VALUES ($1, $2, $3)", quiz.lesson_id, first, new_id())
    assert (await waiting.starts()).json()["code"] == "lesson_locked"
    assert (await begun.submit(attempt["id"])).is_success
    await complete(waiting.enrollment_id, first)
    assert (await waiting.starts()).status_code == 201


async def test_a_preview_is_shown_to_everybody_and_sat_by_learners(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, new_quiz: NewQuiz
) -> None:
    quiz = await new_quiz()
    await fetch('UPDATE course_lessons SET "isPreview" = TRUE WHERE id = $1', quiz.lesson_id)
    stranger = await caller_of(app, client, await new_person())
    assert (await stranger.ok("GET", f"/lessons/{quiz.lesson_id}/quiz"))["attempts"] == []
    start = ("POST", f"/lessons/{quiz.lesson_id}/quiz/attempts")
    assert await stranger.refused(*start, headers={"Idempotency-Key": new_id()}) == "not_enrolled"
    assert await stranger.refused(*start) == "idempotency_key_missing"


async def test_a_lesson_without_questions_is_no_quiz_yet(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, new_quiz: NewQuiz
) -> None:
    quiz = await new_quiz()
    sitter = await quiz.new_sitter()
    empty = await quiz_lesson(quiz.course_id)
    video = await add_lesson(await add_module(quiz.course_id, 3), 1)
    for lesson_id in (empty, video):
        sitter.lesson_id = lesson_id
        assert (await sitter.starts()).json()["code"] == "quiz_not_ready"
    assert await quiz.author.refused("PUT", f"/authoring/lessons/{video}/quiz", json=body_of()) == "lesson_type_differs"


async def test_an_author_writes_their_own_and_an_admin_any(
    app: Litestar, client: httpx.AsyncClient, new_person: NewPerson, new_quiz: NewQuiz
) -> None:
    quiz = await new_quiz()
    sitter = await quiz.new_sitter()
    other = await caller_of(app, client, await new_person(Role.INSTRUCTOR))
    admin = await caller_of(app, client, await new_person(Role.CONTENT_ADMIN))
    lesson, version = f"/authoring/lessons/{quiz.lesson_id}/quiz", f"/authoring/quiz-versions/{quiz.version_id}"
    allowance = f"/authoring/quizzes/{quiz.id}/allowances/{sitter.enrollment_id}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", lesson, None),
        ("PUT", lesson, body_of(title="Mine")),
        ("GET", version, None),
        ("PUT", f"{version}/voided-questions/dosha", None),
        ("PUT", allowance, {"extraMinutes": 1, "extraAttempts": 1}),
    ]
    for method, path, body in calls:
        assert await other.refused(method, path, json=body) == "not_found", path
        await admin.ok(method, path, json=body)
    elsewhere = await add_course("yoga")
    assert elsewhere
    assert await admin.refused("PUT", f"{version}/voided-questions/nobody-asked") == "not_found"
    stranger = f"/authoring/quizzes/{quiz.id}/allowances/{new_id()}"
    assert await admin.refused("PUT", stranger, json={"extraMinutes": 1, "extraAttempts": 1}) == "not_found"
