"""What answers are worth, and what a learner is shown of a question before."""

import random
from fractions import Fraction
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.learning.grading import grade, right_answer, share_of
from domain.learning.papers import answer_errors, paper_of, shown
from domain.learning.questions import Matching, Multiple, Ordering
from tests.unit.learning.questions_of import content_of, question_of

SEED = "5e" * 16
SEEDS = st.text("0123456789abcdef", min_size=32, max_size=32)


def ids(question: Any, seed: str = SEED) -> dict[str, str]:
    """The learner's id by text, of options or right sides."""
    return {option.text: option.id for option in shown(question, seed, shuffle=True).options}


def statements(count: int, **more: Any) -> list[dict[str, Any]]:
    """Questions whose right answer is true."""
    return [{"kind": "true_false", "id": f"p{n}", "prompt": "?", "answer": True, **more} for n in range(count)]


def lefts(question: Any) -> dict[str, str]:
    return {option.text: option.id for option in shown(question, SEED, shuffle=True).lefts}


@given(SEEDS)
def test_right_answers_are_worth_all_and_none_are_worth_nothing(seed: str) -> None:
    paper = paper_of(content_of(), seed)
    right = {question.id: right_answer(question, seed) for question in paper}
    assert answer_errors(paper, seed, right) == []
    assert grade(paper, seed, right).score == 100
    assert grade(paper, seed, {}).score == 0
    assert grade(paper, seed, {}, {question.id for question in paper}).score == 100
    of_another = {question.id: right_answer(question, "another attempt's") for question in paper}
    assert grade(paper, seed, of_another).points == 3, "only what has no options is right"


@given(SEEDS, st.data())
def test_a_void_never_takes_points(seed: str, data: st.DataObject) -> None:
    paper = paper_of(content_of(), seed)
    answered = data.draw(st.sets(st.sampled_from([question.id for question in paper])))
    voided = data.draw(st.sets(st.sampled_from([question.id for question in paper])))
    answers = {question.id: right_answer(question, seed) for question in paper if question.id in answered}
    before, after = grade(paper, seed, answers), grade(paper, seed, answers, voided)
    assert after.score >= before.score
    assert after.points == sum(question.points for question in paper if question.id in answered | voided)


@pytest.mark.parametrize(
    ("chosen", "share"), [("AC", 1), ("A", (1, 2)), ("AB", 0), ("ACB", (1, 2)), ("ABCD", 0), ("BD", 0), ("", 0)]
)
def test_wrong_options_take_back_what_right_ones_give(chosen: str, share: Any) -> None:
    question = question_of("multiple")
    assert isinstance(question, Multiple)
    answer = [ids(question)[letter] for letter in chosen]
    expected = Fraction(*share) if isinstance(share, tuple) else Fraction(share)
    assert share_of(question, SEED, answer) == expected


def test_each_thing_at_its_place_counts() -> None:
    question = question_of("ordering")
    assert isinstance(question, Ordering)
    for order in permutations(question.items):
        at_place = sum(a == b for a, b in zip(order, question.items, strict=True))
        assert share_of(question, SEED, [ids(question)[text] for text in order]) == Fraction(at_place, 4)
    assert share_of(question, SEED, [ids(question)["i"]]) == Fraction(1, 4)


def test_a_right_side_for_everything_is_worth_nothing() -> None:
    question = question_of("matching")
    assert isinstance(question, Matching)
    rights, sides = ids(question), lefts(question)
    assert share_of(question, SEED, dict.fromkeys(sides.values(), rights["air"])) == 0
    pairs = {sides["Vata"]: rights["air"], sides["Pitta"]: rights["water"], sides["Kapha"]: rights["fire"]}
    assert share_of(question, SEED, pairs) == Fraction(1, 3)


@pytest.mark.parametrize(
    ("typed", "is_right"),
    [("37", True), ("38", True), ("३७.५", True), ("36.99999999999999999999", False), ("38.1", False), ("warm", False)],
)
def test_both_ends_of_a_tolerance_are_right(typed: str, is_right: bool) -> None:
    assert share_of(question_of("numeric"), SEED, typed) == is_right


@given(st.integers(1, 400))
def test_a_score_is_rounded_down_and_never_reaches_what_was_not_earned(right: int) -> None:
    paper = paper_of(content_of(*statements(200)), SEED)
    answers: dict[str, Any] = {question.id: number < right for number, question in enumerate(paper)}
    score = grade(paper, SEED, answers).score
    assert score == min(right, 200) * 100 // 200


WORDS = st.text(max_size=3)
ANY = st.none() | st.booleans() | WORDS | st.lists(WORDS, max_size=3) | st.dictionaries(WORDS, WORDS, max_size=3)
NAMES = [question.id for question in content_of().questions]


@given(st.dictionaries(st.sampled_from(NAMES), ANY))
def test_whatever_is_answered_has_a_worth(answers: Any) -> None:
    paper = paper_of(content_of(), SEED)
    result = grade(paper, SEED, answers)
    assert 0 <= result.points <= result.most_points


@given(SEEDS, st.data())
def test_a_pool_deals_as_many_as_it_should_and_the_same_again(seed: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 12))
    wanted = data.draw(st.integers(1, size))
    pool = statements(size, pool="herbs")
    content = content_of(*pool, {**statements(1)[0], "id": "all"}, draws={"herbs": wanted})
    asked = [question.id for question in paper_of(content, seed)]
    assert len(asked) == len(set(asked)) == wanted + 1
    assert "all" in asked
    assert asked == [question.id for question in paper_of(content, seed)]
    plain = msgspec.structs.replace(content, shuffle=False)
    in_order = [question.id for question in paper_of(plain, seed)]
    assert sorted(in_order) == sorted(asked)
    assert in_order == [question.id for question in content.questions if question.id in asked]


def test_every_question_and_order_comes_up() -> None:
    """A draw that always left one out, or a shuffle that did nothing, would show here."""
    pool = statements(4, pool="herbs")
    content = content_of(*pool, draws={"herbs": 2})
    seeds = [f"{random.Random(number).getrandbits(128):032x}" for number in range(400)]
    seen = [tuple(question.id for question in paper_of(content, seed)) for seed in seeds]
    assert set(seen) == set(permutations([f"p{n}" for n in range(4)], 2))
    assert min(seen.count(pair) for pair in set(seen)) > 10, "400 / 12 = 33 each"


def test_what_is_shown_says_nothing_of_what_is_right() -> None:
    """Neither ids nor places may follow the author's order: its first item, and its first pair, come anywhere."""
    ordering, matching = question_of("ordering"), question_of("matching")
    places: dict[str, list[int]] = {"id": [], "item": [], "right": []}
    for number in range(300):
        seed = f"{random.Random(number).getrandbits(128):032x}"
        options = shown(ordering, seed, shuffle=False).options
        places["item"].append([option.text for option in options].index("i"))
        places["id"].append([option.text for option in sorted(options, key=lambda o: o.id)].index("i"))
        places["right"].append([option.text for option in shown(matching, seed, shuffle=False).options].index("air"))
    for kind, count in (("id", 4), ("item", 4), ("right", 3)):
        assert min(places[kind].count(place) for place in range(count)) > 300 / count / 2, kind
    for question in content_of().questions:
        fields = msgspec.to_builtins(shown(question, SEED, shuffle=True)).keys()
        assert fields <= {"id", "kind", "prompt", "points", "options", "lefts"}
    assert not shown(question_of("short_text"), SEED, shuffle=True).options
