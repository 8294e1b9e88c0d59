"""Rubrics: criteria whose points sum to 100, and the score that comes of what a grader gave; pure."""

from collections.abc import Mapping, Sequence

import msgspec

FULL_SCORE = 100


class Criterion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that is looked at."""

    id: str
    title: str
    description: str = ""
    points: int
    """The most that it can bring."""


class Points(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a grader gave for a criterion, with the criterion as it was."""

    criterion_id: str
    title: str
    points: int
    most: int


def is_rubric(criteria: Sequence[Criterion]) -> bool:
    """Whether the criteria differ in their ids and their points sum to 100."""
    is_each_once = len({criterion.id for criterion in criteria}) == len(criteria)
    return is_each_once and sum(criterion.points for criterion in criteria) == FULL_SCORE


def points_of(rubric: Sequence[Criterion], given: Mapping[str, int]) -> tuple[Points, ...]:
    """What was given, in the rubric's order. Raises `ValueError` unless each criterion has points that it can have."""
    if given.keys() != {criterion.id for criterion in rubric}:
        raise ValueError("each criterion wants points, and no other")
    if any(not 0 <= given[criterion.id] <= criterion.points for criterion in rubric):
        raise ValueError("more points than the criterion has")
    return tuple(
        Points(criterion_id=each.id, title=each.title, points=given[each.id], most=each.points) for each in rubric
    )


def score_of(points: Sequence[Points]) -> int:
    """X of 100."""
    return sum(each.points for each in points)
