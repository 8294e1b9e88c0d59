"""The questions of a quiz as their author gives them, and what is wrong with them; pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from domain.learning.answers import normalised, number_of

MOST_QUESTIONS = 200
MOST_OPTIONS = 20

Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Words = Annotated[str, Meta(min_length=1, max_length=2000)]
Option = Annotated[str, Meta(min_length=1, max_length=500)]
Options = Annotated[list[Option], Meta(min_length=2, max_length=MOST_OPTIONS)]
Index = Annotated[int, Meta(ge=0, lt=MOST_OPTIONS)]
Number = Annotated[str, Meta(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,20})?$", examples=["37.5"])]
Tolerance = Annotated[str, Meta(pattern=r"^[0-9]{1,20}(\.[0-9]{1,20})?$", examples=["0.5"])]


class _Question(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind", omit_defaults=True):
    """What every question has. Its `id` stays when a later version changes its words."""

    kind: ClassVar[str]
    id: Identifier
    prompt: Words
    points: Annotated[int, Meta(ge=1, le=100)] = 1
    pool: Identifier | None = None
    explanation: Annotated[str, Meta(max_length=2000)] | None = None
    """Shown with the feedback."""


class Single(_Question, frozen=True, kw_only=True, tag="single"):
    """One option is right: `answer` is its index."""

    kind = "single"
    options: Options
    answer: Index


class Multiple(_Question, frozen=True, kw_only=True, tag="multiple"):
    """Some options are right: `answers` are their indexes."""

    kind = "multiple"
    options: Options
    answers: Annotated[list[Index], Meta(min_length=1, max_length=MOST_OPTIONS)]


class TrueFalse(_Question, frozen=True, kw_only=True, tag="true_false"):
    """A statement."""

    kind = "true_false"
    answer: bool


class ShortText(_Question, frozen=True, kw_only=True, tag="short_text"):
    """A word or two; any of `answers` is right."""

    kind = "short_text"
    answers: Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(min_length=1, max_length=50)]


class Numeric(_Question, frozen=True, kw_only=True, tag="numeric"):
    """A number; up to `tolerance` beside `answer` is right, both ends included."""

    kind = "numeric"
    answer: Number
    tolerance: Tolerance = "0"


class Ordering(_Question, frozen=True, kw_only=True, tag="ordering"):
    """Things to be put in order: `items` are in the right one."""

    kind = "ordering"
    items: Options


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides that belong together."""

    left: Option
    right: Option


class Matching(_Question, frozen=True, kw_only=True, tag="matching"):
    """Sides to be put together."""

    kind = "matching"
    pairs: Annotated[list[Pair], Meta(min_length=2, max_length=MOST_OPTIONS)]


Question = Single | Multiple | TrueFalse | ShortText | Numeric | Ordering | Matching


class QuizContent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A version of a quiz: all that decides what an attempt is asked."""

    questions: Annotated[list[Question], Meta(min_length=1, max_length=MOST_QUESTIONS)]
    draws: Annotated[dict[str, Annotated[int, Meta(ge=1, le=MOST_QUESTIONS)]], Meta(max_length=MOST_QUESTIONS)] = {}
    """How many questions of each pool are asked."""
    shuffle: bool = True


class ContentError(msgspec.Struct, frozen=True):
    """One thing wrong; `field` is its JSON path."""

    field: str
    message: str


def errors_of(content: QuizContent) -> list[ContentError]:
    """What is wrong with a quiz beyond the types of its fields; empty for one that can be asked."""
    errors = []
    counted = Counter(question.id for question in content.questions)
    for index, question in enumerate(content.questions):
        path = f"questions[{index}]"
        if counted[question.id] > 1:
            errors.append(ContentError(f"{path}.id", "Another question has this id, too."))
        if not question.prompt.strip():
            errors.append(ContentError(f"{path}.prompt", "Say what is asked."))
        errors += [ContentError(f"{path}.{field}", message) for field, message in _own_errors(question)]
    return errors + list(_pool_errors(content))


def _own_errors(question: Question) -> Iterator[tuple[str, str]]:
    match question:
        case Single():
            yield from _double("options", question.options)
            if question.answer >= len(question.options):
                yield "answer", "There is no option with this index; the first is 0."
        case Multiple():
            yield from _double("options", question.options)
            if max(question.answers) >= len(question.options):
                yield "answers", "There is no option with such an index; the first is 0."
            if len(set(question.answers)) < len(question.answers):
                yield "answers", "Name each right option once."
        case ShortText():
            for index, text in enumerate(question.answers):
                if not normalised(text):
                    yield f"answers[{index}]", "Nothing is left of this answer without spaces."
        case Numeric():
            if number_of(question.answer) is None:
                yield "answer", "A number, such as `37.5`."
        case Ordering():
            yield from _double("items", question.items)
        case Matching():
            yield from _double("pairs", [pair.left for pair in question.pairs], ".left")
            yield from _double("pairs", [pair.right for pair in question.pairs], ".right")


def _double(field: str, texts: Sequence[str], side: str = "") -> Iterator[tuple[str, str]]:
    """Texts that a learner could not tell from one another, or cannot see."""
    seen = set()
    for index, text in enumerate(texts):
        if not (plain := normalised(text)):
            yield f"{field}[{index}]{side}", "Nothing is to be seen here."
        elif plain in seen:
            yield f"{field}[{index}]{side}", "An earlier one reads the same."
        seen.add(plain)


def _pool_errors(content: QuizContent) -> Iterator[ContentError]:
    sizes = Counter(question.pool for question in content.questions if question.pool is not None)
    for pool in sorted(sizes.keys() - content.draws.keys()):
        yield ContentError("draws", f"Say how many questions of the pool `{pool}` are asked.")
    for pool, wanted in content.draws.items():
        if wanted > sizes[pool]:
            yield ContentError(f"draws.{pool}", f"The pool has {sizes[pool]} questions.")
