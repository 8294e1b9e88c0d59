"""What an event counts for, against a player that is played millisecond by millisecond."""

from hypothesis import given
from hypothesis import strategies as st

from domain.learning.watching import Span, Watch, count, put_right

LENGTH = 200
SMALL = st.integers(-20, 260)
SPANS = st.lists(st.tuples(SMALL, SMALL), max_size=3).map(lambda pairs: [Span(a, b) for a, b in sorted(pairs) if a < b])


def disjoint(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        if not kept or span.begin >= kept[-1].end:
            kept.append(span)
    return kept


WATCHES = st.builds(Watch, st.just(1), SMALL, SMALL, SMALL, SMALL, st.sampled_from([0.25, 0.5, 1.0, 1.25, 2.0, 4.0]))


@given(WATCHES, SPANS.map(disjoint), st.integers(0, 260))
def test_an_event_counts_as_if_it_was_played(watch: Watch, opened: list[Span], received: int) -> None:
    counted = count(watch, opened, received, LENGTH)
    began, ended, stop, speed = watch.began, watch.ended, watch.stop, watch.speed
    first, last = min(max(watch.start, 0), LENGTH), min(stop, LENGTH)
    watched, spent = set(), set()
    for moment in range(began, min(ended, received)):
        if any(span.begin <= moment < span.end for span in opened):
            spent.add(moment)
            played = range(int((moment - began) * speed), int((moment + 1 - began) * speed))
            watched |= {first + each for each in played if first + each < last}
    if counted is None:
        assert not spent
        return
    assert {ms for span in counted.spent for ms in range(*span)} == spent
    assert {ms for span in counted.watched for ms in range(*span)} == watched
    assert counted.position == min(max(stop, 0), LENGTH)
    assert counted.at <= received


def test_a_clock_that_is_nearly_right_is_believed() -> None:
    watch = Watch(1, 1_000, 2_000, 0, 1_000)
    assert put_right(watch, sent=10_000, received=14_000) == watch
    assert put_right(watch, sent=10_000, received=20_000) == Watch(1, 11_000, 12_000, 0, 1_000)
