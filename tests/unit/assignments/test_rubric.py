"""Points and scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assignments.rubric import Criterion, is_rubric, points_of, score_of

RUBRIC = [Criterion(id="a", title="Content", points=70), Criterion(id="b", title="Form", points=30)]


def test_a_rubric_has_each_criterion_once_and_sums_to_100() -> None:
    assert is_rubric(RUBRIC)
    assert not is_rubric(RUBRIC[:1])
    assert not is_rubric([*RUBRIC, Criterion(id="c", title="More", points=1)])
    assert not is_rubric([RUBRIC[0], Criterion(id="a", title="Again", points=30)])


@given(st.integers(0, 70), st.integers(0, 30))
def test_a_score_is_the_sum_of_what_was_given(first: int, second: int) -> None:
    points = points_of(RUBRIC, {"b": second, "a": first})
    assert [each.criterion_id for each in points] == ["a", "b"]
    assert 0 <= score_of(points) == first + second <= 100


@pytest.mark.parametrize("given", [{}, {"a": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 71, "b": 0}, {"a": 1, "b": -1}])
def test_points_that_the_rubric_does_not_have(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="criterion"):
        points_of(RUBRIC, given)
