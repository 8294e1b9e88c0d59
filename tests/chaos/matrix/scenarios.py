"""What is killed around: every story of two acts, by the provider that it deals with."""

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tests.chaos.academy import VICTIMS, Academy
from tests.chaos.errands.dispute import new_dispute
from tests.chaos.errands.errand import Errand
from tests.chaos.errands.purchase import new_purchase
from tests.chaos.errands.refund import new_refund
from tests.chaos.histories import Batch
from tests.chaos.matrix.gaps import (
    gap_before_the_story,
    gap_of_the_answer,
    gap_without_mail,
    gaps_of_all,
    gaps_of_mail,
    made_at_provider,
)
from tests.chaos.matrix.own_gaps import gap_of_capture, gap_of_dispute, gaps_of_purchase, gaps_of_refund
from tests.chaos.matrix.stops import Place, Places, Stop, event_stops

Kill = tuple[str, str, str]
"""Scenario, stop and victim, by their names."""


@dataclass(frozen=True)
class Scenario:
    """A story: how one of it is begun, and where it is held."""

    name: str
    new: Callable[[Academy], Awaitable[Errand]]
    places: Places
    gaps: tuple[Stop, ...]

    @property
    def stops(self) -> dict[str, Stop]:
        """Every stop by its name."""
        return {stop.name: stop for stop in (*event_stops(self.places), *self.gaps)}

    def targets_of(self, stop: Stop, undisturbed: Sequence[Batch]) -> list[str]:
        """One errand for each event that the stop's write holds; one for a gap."""
        if stop in self.gaps or stop.write is None:
            return [stop.name]
        return [f"event {event.id} {event.kind}" for event in undisturbed[stop.write]]


def _purchase(provider: str) -> Scenario:
    opened = "requires_payment_method"
    told = "succeeded" if provider == "stripe" else "requires_capture"
    places = Places(
        begun=Place("preparing", "-"),
        waiting=Place("awaiting_payment", opened),
        told=Place("awaiting_payment", told),
        done=Place("enrolled", "succeeded"),
    )
    withheld, denied = made_at_provider("create_payment", places)
    return Scenario(
        f"purchase, {provider}",
        partial(new_purchase, provider=provider),
        places,
        (
            *(gap_before_the_story(places.begun), withheld),
            # Razorpay is looked through before anything is made: looking cannot hang only afterwards.
            denied if provider == "stripe" else gap_of_capture(places),
            *(gap_of_the_answer(places.waiting), *gaps_of_all(places), *gaps_of_mail(places.done)),
            *gaps_of_purchase(places),
        ),
    )


def _refund(provider: str) -> Scenario:
    places = Places(
        begun=Place("requested", "-"),
        waiting=Place("submitted", "pending"),
        told=Place("submitted", "succeeded"),
        done=Place("succeeded", "succeeded"),
    )
    withheld, denied = made_at_provider("create_refund", places)
    return Scenario(
        f"refund, {provider}",
        partial(new_refund, provider=provider),
        places,
        (
            *([withheld, denied] if provider == "stripe" else [withheld]),
            *(gap_of_the_answer(places.waiting), *gaps_of_all(places), *gaps_of_mail(places.done)),
            *gaps_of_refund(places),
        ),
    )


def _dispute(provider: str, ends_as: str) -> Scenario:
    places = Places(
        begun=Place("opened", "needs_response"),
        waiting=Place("needs_response", "needs_response"),
        told=Place("needs_response", ends_as),
        done=Place(ends_as, ends_as),
    )
    return Scenario(
        f"dispute {ends_as}, {provider}",
        partial(new_dispute, provider=provider, ends_as=ends_as),
        places,
        (
            *(gap_before_the_story(places.begun), gap_of_dispute(places)),
            *gaps_of_all(places),
            # Nobody is told of a dispute that is won.
            *(gaps_of_mail(places.done) if ends_as == "lost" else [gap_without_mail(places.done)]),
        ),
    )


PATTERN = _purchase("stripe")

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        *(PATTERN, _purchase("razorpay"), _refund("stripe"), _refund("razorpay")),
        *(_dispute("stripe", "lost"), _dispute("razorpay", "won")),
    )
}


def whole_matrix() -> Iterator[Kill]:
    """Every process at every event, and in every gap those that it lies between; around the pattern of all stories,
    the purchase by Stripe, every process in every gap, too."""
    for scenario in SCENARIOS.values():
        for stop in scenario.stops.values():
            for victim in VICTIMS if scenario is PATTERN else stop.between:
                yield scenario.name, stop.name, victim


def sample_of(seed: int, number: int) -> list[Kill]:
    """Kills drawn from the whole matrix without repeating: all stories in turn, all processes in turn."""
    dice = random.Random(seed)
    left = list(whole_matrix())
    names = list(SCENARIOS)
    dice.shuffle(left)
    dice.shuffle(names)
    drawn: list[Kill] = []
    for turn in range(number):
        wanted = names[turn % len(names)], VICTIMS[(seed + turn) % len(VICTIMS)]
        kill = next(kill for kill in left if (kill[0], kill[2]) == wanted)
        left.remove(kill)
        drawn.append(kill)
    return drawn
