"""Making one thing at a provider that stores its faults: one object, one key a try, never two objects."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.once import MOST_KEYS, make_once
from domain.errors import AnsweredFaultError, UnknownOutcomeError


class Provider:
    """Keeps its answers under their keys, as Stripe does; `outcomes` are those of fresh keys, in order."""

    def __init__(self, *outcomes: str) -> None:
        self.outcomes = list(outcomes)
        self.stored: dict[int, str] = {}
        self.made: list[int] = []
        self.looks = 0

    async def create(self, key: int) -> str:
        is_replay = key in self.stored
        outcome = self.stored.get(key) or (self.outcomes.pop(0) if self.outcomes else "made")
        if outcome == "silent":
            raise UnknownOutcomeError("silent")
        self.stored[key] = outcome
        if not is_replay and outcome in ("made", "made_then_500"):
            self.made.append(key)
        if outcome != "made":
            raise AnsweredFaultError("500", is_replay=is_replay)
        return f"object {self.made[0]}"

    async def find(self) -> str | None:
        self.looks += 1
        return f"object {self.made[0]}" if self.made else None


async def tried(
    provider: Provider, tries: int, asked_at: datetime | None = None, keys_last: timedelta = timedelta(hours=23)
) -> str:
    """The answer within so many tries, as Temporal would try."""
    for _ in range(tries - 1):
        try:
            return await make_once(provider.create, provider.find, asked_at or datetime.now(UTC), keys_last)
        except UnknownOutcomeError:
            continue
    return await make_once(provider.create, provider.find, asked_at or datetime.now(UTC), keys_last)


async def test_a_good_day_costs_one_call() -> None:
    provider = Provider()
    assert await tried(provider, 1) == "object 1"
    assert provider.looks == 0


async def test_an_object_behind_a_500_is_found_at_once() -> None:
    provider = Provider("made_then_500")
    assert await tried(provider, 1) == "object 1"
    assert provider.made == [1]


@pytest.mark.parametrize("faults", [1, 2, 30, MOST_KEYS - 1])
async def test_stored_faults_are_walked_over_one_key_a_try(faults: int) -> None:
    provider = Provider(*["500"] * faults)
    assert await tried(provider, faults + 1) == f"object {faults + 1}"
    assert len(provider.stored) == faults + 1


async def test_silence_is_asked_again_with_the_same_key() -> None:
    provider = Provider("silent", "silent")
    assert await tried(provider, 3) == "object 1"


async def test_an_object_made_behind_a_fault_is_never_made_again_by_a_new_worker() -> None:
    provider = Provider("500", "made_then_500")
    assert await tried(provider, 2) == "object 2"
    assert await tried(provider, 1) == "object 2", "a new worker walks the same keys and looks first"
    assert provider.made == [2]


async def test_a_key_that_may_be_forgotten_is_looked_behind_first() -> None:
    provider = Provider()
    await tried(provider, 1)
    provider.stored.clear()
    assert await tried(provider, 1, datetime.now(UTC) - timedelta(hours=23, minutes=1)) == "object 1"
    assert provider.made == [1]


async def test_a_provider_without_keys_is_looked_at_before_every_try() -> None:
    provider = Provider("silent_but_made")
    provider.made = [1]  # by a try whose answer was lost
    assert await tried(provider, 1, keys_last=timedelta(0)) == "object 1"
    assert (provider.made, provider.looks, provider.stored) == ([1], 1, {}), "found, and nothing made"
