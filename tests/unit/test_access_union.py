"""Access is a union of reasons: 10,000 sequences of grants and endings against a model made of plain sets of hours."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.access import OWNING_REASONS, AccessReason, Entitlement, access_until, has_access, owns

HOURS = 8
"""Everything happens within the hours 0 … 7 of one day; that is enough for every order of events."""

REASONS = list(AccessReason)

STEPS = 7

sequences = st.binary(min_size=3 * STEPS, max_size=3 * STEPS)
"""A sequence as bytes, three a step: Hypothesis draws it five times faster than a list of tuples."""

Step = tuple[int, int, int]
"""Grant (below 6, one for each reason) or end; an hour; how long a grant is planned to last, or which one to end."""


def steps_of(drawn: bytes) -> list[Step]:
    """The steps that the bytes stand for."""
    triples = zip(drawn[::3], drawn[1::3], drawn[2::3], strict=True)
    return [(choice % (2 * len(REASONS)), hour % HOURS, number % (HOURS + 1)) for choice, hour, number in triples]


MOMENTS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(2 * HOURS + 1)]
at = MOMENTS.__getitem__
"""That hour as a moment."""


@dataclass
class Academy:
    """The same grants twice: as entitlements, and in the model as the hours at which each one holds."""

    entitlements: list[Entitlement] = field(default_factory=list)
    hours: list[set[int]] = field(default_factory=list)
    planned_ends: list[int | None] = field(default_factory=list)

    def grant(self, reason: AccessReason, since: int, lasting: int) -> None:
        """A new reason; `lasting` 0 means without a planned end."""
        until = since + lasting if lasting else None
        source = f"source-{len(self.entitlements)}"
        self.entitlements.append(
            Entitlement(reason=reason, source_id=source, since=at(since), until=None if until is None else at(until))
        )
        self.hours.append(set(range(since, HOURS if until is None else min(until, HOURS))))
        self.planned_ends.append(until)

    def end(self, number: int, hour: int) -> None:
        """Take one reason back, at an hour."""
        self.entitlements[number] = msgspec.structs.replace(self.entitlements[number], ended_at=at(hour))
        self.hours[number] -= set(range(hour, HOURS))


def play(drawn: bytes) -> Academy:
    """Carry out the steps; each ending is looked at as it happens."""
    academy = Academy()
    for choice, hour, number in steps_of(drawn):
        if choice < len(REASONS):
            academy.grant(REASONS[choice], hour, number)
            continue
        running = [n for n, entitlement in enumerate(academy.entitlements) if entitlement.ended_at is None]
        if not running:
            continue
        ended = running[number % len(running)]
        others = [e for n, e in enumerate(academy.entitlements) if n != ended]
        academy.end(ended, hour)
        assert [e for n, e in enumerate(academy.entitlements) if n != ended] == others, "ending one touches no other"
        assert has_access(academy.entitlements, at(hour)) == has_access(others, at(hour)), "what is left decides"
        assert owns(academy.entitlements, at(hour)) == owns(others, at(hour))
    return academy


@given(sequences)
@settings(max_examples=10_000, deadline=None)
def test_access_holds_exactly_while_some_reason_holds(drawn: bytes) -> None:
    academy = play(drawn)
    for hour in range(HOURS):
        holding = [number for number, hours in enumerate(academy.hours) if hour in hours]
        assert has_access(academy.entitlements, at(hour)) == bool(holding)
        assert owns(academy.entitlements, at(hour)) == any(
            academy.entitlements[number].reason in OWNING_REASONS for number in holding
        )
        ends = [academy.planned_ends[number] for number in holding]
        last = None if None in ends else max((end for end in ends if end is not None), default=None)
        assert access_until(academy.entitlements, at(hour)) == (None if last is None else at(last))


def test_an_end_is_exclusive_and_the_order_of_reasons_does_not_matter() -> None:
    academy = Academy()
    academy.grant(AccessReason.PLAN, 1, 2)
    academy.grant(AccessReason.PURCHASE, 3, 0)
    assert [has_access(academy.entitlements[:1], at(hour)) for hour in range(4)] == [False, True, True, False]
    assert access_until(academy.entitlements, at(2)) == at(3)
    assert access_until(reversed(academy.entitlements), at(3)) is None
    assert not owns(academy.entitlements, at(2))
    assert owns(academy.entitlements, at(3))
