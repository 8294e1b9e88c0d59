"""Questions of each kind, for tests."""

from typing import Any

import msgspec

from domain.learning.questions import Question, QuizContent

EACH_KIND: list[dict[str, Any]] = [
    {"kind": "single", "id": "dosha", "prompt": "Which?", "options": ["Vata", "Pitta", "Kapha"], "answer": 1},
    {
        "kind": "multiple",
        "id": "two",
        "prompt": "Both?",
        "options": ["A", "B", "C", "D"],
        "answers": [0, 2],
        "points": 2,
    },
    {"kind": "true_false", "id": "true", "prompt": "Is it so?", "answer": True},
    {"kind": "short_text", "id": "word", "prompt": "Its name?", "answers": ["घृत ४", "ghee"]},
    {"kind": "numeric", "id": "warmth", "prompt": "How warm?", "answer": "37.5", "tolerance": "0.5"},
    {"kind": "ordering", "id": "order", "prompt": "In what order?", "items": ["i", "ii", "iii", "iv"], "points": 4},
    {
        "kind": "matching",
        "id": "match",
        "prompt": "What belongs together?",
        "pairs": [
            {"left": "Vata", "right": "air"},
            {"left": "Pitta", "right": "fire"},
            {"left": "Kapha", "right": "water"},
        ],
        "points": 3,
    },
]
"""13 points."""


def content_of(*questions: dict[str, Any], **more: Any) -> QuizContent:
    """A version with these questions, each kind unless told otherwise."""
    return msgspec.convert({"questions": list(questions) or EACH_KIND, **more}, QuizContent)


def question_of(kind: str) -> Question:
    """The one of this kind."""
    return next(question for question in content_of().questions if question.kind == kind)
