"""What an attempt is worth: exact shares of points, and a percentage rounded down; pure.

The rule of each kind stands in `docs/stories/quiz-attempt.md`, "Questions".
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

import msgspec

from domain.learning.answers import Answer, number_of, same_text
from domain.learning.papers import indexes_of, shown_id
from domain.learning.questions import (
    Matching,
    Multiple,
    Numeric,
    Ordering,
    Question,
    ShortText,
    Single,
    TrueFalse,
)

NONE, ALL = Fraction(0), Fraction(1)


class Grade(msgspec.Struct, frozen=True):
    """What a paper is worth."""

    points: Fraction
    most_points: int

    @property
    def score(self) -> int:
        """Whole percent, rounded down: 69.9 is not 70."""
        return int(100 * self.points / self.most_points)


def grade(
    paper: Sequence[Question], seed: str, answers: Mapping[str, Answer], voided: Collection[str] = frozenset()
) -> Grade:
    """The worth of these answers. A question without an answer is worth nothing; a voided one, all of its points."""
    points = sum(
        (question.points * share_of(question, seed, answers.get(question.id), voided) for question in paper), NONE
    )
    return Grade(points, sum(question.points for question in paper))


def share_of(question: Question, seed: str, answer: Answer | None, voided: Collection[str] = frozenset()) -> Fraction:
    """How much of a question's points an answer is worth, 0 to 1. An answer of another form is worth nothing."""
    if question.id in voided:
        return ALL
    share = NONE
    match question, answer:
        case TrueFalse(), bool():
            share = _all_if(answer is question.answer)
        case Single(), str():
            share = _all_if(answer == shown_id(seed, question.id, "option", question.answer))
        case Multiple(), list():
            share = _share_of_chosen(question, seed, answer)
        case ShortText(), str():
            share = _all_if(any(same_text(answer, right) for right in question.answers))
        case Numeric(), str():
            share = _all_if(_is_near(question, answer))
        case Ordering(), list():
            right = _options_in_order(question.id, seed, len(question.items))
            share = Fraction(sum(a == b for a, b in zip(answer, right, strict=False)), len(right))
        case Matching(), dict():
            share = _share_of_pairs(question, seed, answer)
    return share


def right_answer(question: Question, seed: str) -> Answer:
    """What would have been worth all points, in the form in which a learner answers."""
    match question:
        case TrueFalse() | Numeric():
            return question.answer
        case ShortText():
            return question.answers[0]
        case Single():
            return shown_id(seed, question.id, "option", question.answer)
        case Multiple():
            return [shown_id(seed, question.id, "option", index) for index in question.answers]
        case Ordering():
            return _options_in_order(question.id, seed, len(question.items))
        case Matching():
            return _pairs(question, seed)


def _options_in_order(question_id: str, seed: str, count: int) -> list[str]:
    return [shown_id(seed, question_id, "option", index) for index in range(count)]


def _pairs(question: Matching, seed: str) -> dict[str, str]:
    count = len(question.pairs)
    lefts = [shown_id(seed, question.id, "left", index) for index in range(count)]
    return dict(zip(lefts, _options_in_order(question.id, seed, count), strict=True))


def _all_if(is_right: bool) -> Fraction:
    return ALL if is_right else NONE


def _share_of_chosen(question: Multiple, seed: str, answer: list[str]) -> Fraction:
    known = indexes_of(seed, question.id, "option", len(question.options))
    chosen = {known[name] for name in answer if name in known}
    right = set(question.answers)
    return max(NONE, Fraction(len(chosen & right) - len(chosen - right), len(right)))


def _share_of_pairs(question: Matching, seed: str, answer: dict[str, str]) -> Fraction:
    used = Counter(answer.values())
    pairs = _pairs(question, seed)
    right = sum(answer.get(left) == option and used[option] == 1 for left, option in pairs.items())
    return Fraction(right, len(pairs))


def _is_near(question: Numeric, answer: str) -> bool:
    given, right, tolerance = number_of(answer), number_of(question.answer), number_of(question.tolerance)
    if given is None or right is None or tolerance is None:
        return False
    return abs(given - right) <= tolerance
