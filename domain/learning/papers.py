"""What one attempt is asked: made of a version and the attempt's seed, the same whenever it is made; pure.

Orders and ids come from keyed digests and not from `random`, whose methods may change with Python: a paper is made
again years later, when its learner complains.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

import msgspec

from domain.learning.answers import Answer, AnswerError
from domain.learning.questions import (
    Matching,
    Multiple,
    Numeric,
    Ordering,
    Question,
    QuizContent,
    ShortText,
    Single,
    TrueFalse,
)

T = TypeVar("T")

LONGEST_TEXT = 1000
"""Of what a learner types as one answer."""


class ShownOption(msgspec.Struct, frozen=True, rename="camel"):
    """Something to choose; its id holds in this attempt only."""

    id: str
    text: str


class ShownQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A question without what is right. `options` are to be chosen from or put in order; each of `lefts` gets one."""

    id: str
    kind: str
    prompt: str
    points: int
    options: tuple[ShownOption, ...] = ()
    lefts: tuple[ShownOption, ...] = ()


def paper_of(content: QuizContent, seed: str) -> list[Question]:
    """The questions that this attempt is asked, in its order."""
    asked = {question.id for question in content.questions if question.pool is None}
    for pool, wanted in content.draws.items():
        members = [question.id for question in content.questions if question.pool == pool]
        asked.update(dealt(members, seed, f"pool/{pool}")[:wanted])
    questions = [question for question in content.questions if question.id in asked]
    if not content.shuffle:
        return questions
    place = {name: number for number, name in enumerate(dealt([q.id for q in questions], seed, "questions"))}
    return sorted(questions, key=lambda question: place[question.id])


def shown(question: Question, seed: str, *, shuffle: bool) -> ShownQuestion:
    """A question as its learner sees it."""
    options: Sequence[ShownOption] = ()
    lefts: Sequence[ShownOption] = ()
    match question:
        case Single() | Multiple():
            options = _options(question.id, "option", question.options, seed, shuffle=shuffle)
        case Ordering():
            options = _options(question.id, "option", question.items, seed, shuffle=True)
        case Matching():
            rights = [pair.right for pair in question.pairs]
            options = _options(question.id, "option", rights, seed, shuffle=True)
            lefts = _options(question.id, "left", [pair.left for pair in question.pairs], seed, shuffle=shuffle)
    return ShownQuestion(
        id=question.id,
        kind=question.kind,
        prompt=question.prompt,
        points=question.points,
        options=tuple(options),
        lefts=tuple(lefts),
    )


def shown_id(seed: str, question_id: str, side: str, index: int) -> str:
    """The id of the author's option `index` in this attempt: says nothing about its place."""
    return _digest(seed, f"{side}/{question_id}", str(index))[:12]


def indexes_of(seed: str, question_id: str, side: str, count: int) -> dict[str, int]:
    """The author's index by the id that the learner sees."""
    return {shown_id(seed, question_id, side, index): index for index in range(count)}


def dealt(things: Sequence[str], seed: str, purpose: str) -> list[str]:
    """The things, each once, in an order that only the seed knows."""
    return sorted(things, key=lambda thing: _digest(seed, purpose, thing))


def answer_errors(paper: Sequence[Question], seed: str, answers: dict[str, Answer]) -> list[AnswerError]:
    """What cannot be an answer: to a question that is not asked, of another kind, with a foreign option."""
    asked = {question.id: question for question in paper}
    errors = []
    for question_id, answer in answers.items():
        question = asked.get(question_id)
        message = "This question is not asked here." if question is None else _wrong_form(question, seed, answer)
        if message is not None:
            errors.append(AnswerError(question_id, message))
    return errors


def _wrong_form(question: Question, seed: str, answer: Answer) -> str | None:
    match question:
        case Single():
            known = indexes_of(seed, question.id, "option", len(question.options))
            return None if isinstance(answer, str) and answer in known else "The id of one option."
        case Multiple():
            known = indexes_of(seed, question.id, "option", len(question.options))
            return None if _chosen(answer, known) else "A list of ids of options, each once."
        case TrueFalse():
            return None if isinstance(answer, bool) else "True or false."
        case ShortText() | Numeric():
            return None if isinstance(answer, str) and len(answer) <= LONGEST_TEXT else "A text, not too long."
        case Ordering():
            known = indexes_of(seed, question.id, "option", len(question.items))
            return None if _chosen(answer, known) else "A list of ids of options, each once."
        case Matching():
            rights = indexes_of(seed, question.id, "option", len(question.pairs))
            lefts = indexes_of(seed, question.id, "left", len(question.pairs))
            is_map = isinstance(answer, dict) and answer.keys() <= lefts.keys() and rights.keys() >= {*answer.values()}
            return None if is_map else "A map of ids of left sides to ids of options."


def _chosen(answer: Answer, known: dict[str, int]) -> bool:
    """Some of the options, each once."""
    return isinstance(answer, list) and len(set(answer)) == len(answer) and known.keys() >= set(answer)


def _options(question_id: str, side: str, texts: Sequence[str], seed: str, *, shuffle: bool) -> list[ShownOption]:
    options = [ShownOption(shown_id(seed, question_id, side, index), text) for index, text in enumerate(texts)]
    if not shuffle:
        return options
    place = {name: number for number, name in enumerate(dealt([o.id for o in options], seed, f"order/{question_id}"))}
    return sorted(options, key=lambda option: place[option.id])


def _digest(seed: str, purpose: str, thing: str) -> str:
    return blake2b(f"{purpose}\n{thing}".encode(), key=seed.encode(), digest_size=16).hexdigest()
