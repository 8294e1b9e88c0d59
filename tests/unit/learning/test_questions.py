"""What an author is told about questions that cannot be asked."""

from typing import Any

import msgspec
import pytest

from domain.learning.questions import errors_of
from tests.unit.learning.questions_of import EACH_KIND, content_of

SINGLE = EACH_KIND[0]


def of(kind: str, **changes: Any) -> dict[str, Any]:
    return {**next(question for question in EACH_KIND if question["kind"] == kind), **changes}


def test_each_kind_can_be_asked() -> None:
    assert errors_of(content_of()) == []


@pytest.mark.parametrize(
    ("questions", "draws", "field"),
    [
        ([of("single", answer=3)], {}, "questions[0].answer"),
        ([of("single", options=["Vata", " vata "])], {}, "questions[0].options[1]"),
        ([of("single", options=["Vata", "\u200d"])], {}, "questions[0].options[1]"),
        ([of("multiple", answers=[4])], {}, "questions[0].answers"),
        ([of("multiple", answers=[1, 1])], {}, "questions[0].answers"),
        ([of("short_text", answers=["ghee", " \u200b "])], {}, "questions[0].answers[1]"),
        ([of("ordering", items=["i", "I"])], {}, "questions[0].items[1]"),
        (
            [of("matching", pairs=[{"left": "a", "right": "x"}, {"left": "b", "right": "X"}])],
            {},
            "questions[0].pairs[1].right",
        ),
        ([of("single", prompt="  ")], {}, "questions[0].prompt"),
        ([SINGLE, SINGLE], {}, "questions[0].id"),
        ([{**SINGLE, "pool": "herbs"}], {}, "draws"),
        ([{**SINGLE, "pool": "herbs"}], {"herbs": 2}, "draws.herbs"),
        ([SINGLE], {"herbs": 1}, "draws.herbs"),
    ],
)
def test_what_cannot_be_asked_is_named(questions: list[dict[str, Any]], draws: dict[str, int], field: str) -> None:
    assert field in [error.field for error in errors_of(content_of(*questions, draws=draws))]


@pytest.mark.parametrize(
    "question",
    [
        {**SINGLE, "kind": "essay"},
        {**SINGLE, "options": ["only one"]},
        {**SINGLE, "answer": -1},
        {**SINGLE, "points": 0},
        {**SINGLE, "id": "with space"},
        of("numeric", answer="1e9"),
        of("numeric", tolerance="-1"),
        of("multiple", answers=[]),
    ],
)
def test_what_has_another_form_is_refused_by_its_type(question: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        content_of(question)
