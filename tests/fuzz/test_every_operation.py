"""Every operation of the description × every role and nobody × valid and invalid requests (docs/fuzzing.md)."""

import asyncio
import json
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from api.app import openapi_document
from tests.fuzz.sending import Sender
from tests.fuzz.spoiling import Kind, cases_of
from tests.fuzz.verdicts import AnyCase, Verdicts
from tests.fuzz.world import World

NEVER: dict[str, str] = {}
"""Operations that no request of ours can make succeed, and why."""
TIMES, TIMES_IN_FULL = 1, 10
"""How often each kind of request is made of each operation."""
SPOILERS = 2
"""Callers who send each spoiled request in the short form, drawn by the seed; the good one is sent by everybody."""


async def test_every_answer_is_one_that_the_description_declares(
    world: World, fuzz_seed: int, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    is_full = request.config.getoption("--full-fuzz")
    times = TIMES_IN_FULL if is_full else TIMES
    verdicts = Verdicts()
    sender = Sender(world, verdicts, None if is_full else SPOILERS)
    loop = asyncio.get_running_loop()
    found = schemathesis.openapi.from_dict(json.loads(openapi_document())).get_all_operations()
    for operation in (cast(Any, one).ok() for one in found):  # an operation that cannot be read raises here
        # Hypothesis knows no event loops: it draws in a thread, and the requests run in this one.
        await asyncio.to_thread(_try, operation, sender, loop, fuzz_seed, times)
    with capsys.disabled():
        print(f"\nfuzz: {sender.sent} requests, seed {fuzz_seed}\n{verdicts.table()}")
    assert not verdicts.failures, f"seed {fuzz_seed}:\n{verdicts.report()}"
    assert verdicts.without_success() == set(NEVER), "these operations never answered 2xx: say why, or mend `GOOD`"


def _try(operation: Any, sender: Sender, loop: asyncio.AbstractEventLoop, fuzz_seed: int, times: int) -> None:
    kinds = list(Kind) * times

    @seed(fuzz_seed)
    @settings(
        max_examples=len(kinds),
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases_of(operation), st.integers(0, 2**32))
    def one(case: AnyCase, salt: int) -> None:
        if kinds:
            asyncio.run_coroutine_threadsafe(sender.as_everybody(case, kinds.pop(), salt), loop).result()

    one()
    assert not kinds, f"{operation.label}: Hypothesis drew too few examples"
