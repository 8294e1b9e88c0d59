"""How long each kind of step may take and how often it is tried: the only place with timeouts and retry policies.

A step has two forms. `quick` is a local activity: a few seconds, no hop through the server. `patient` is a normal
activity for when the quick form met an outage: its retries are visible in the Temporal UI, and when its
schedule-to-close time is used up, the story asks for a person.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

NEVER_RETRIED = ["BusinessRefusalError"]
"""Types of business answers: trying again cannot help (design rule 5)."""


@dataclass(frozen=True)
class Tries:
    """One form of a step: the whole time it has, the time of one try, and the pause between tries."""

    schedule_to_close: timedelta
    start_to_close: timedelta
    retry: RetryPolicy


@dataclass(frozen=True)
class Profile:
    """The two forms of one kind of step."""

    quick: Tries
    patient: Tries


def _tries(
    whole: timedelta, one: timedelta, first_pause: timedelta, longest_pause: timedelta, *, most: int = 0
) -> Tries:
    """`most` tries, 0 for as many as there is time. Local activities need it: the SDK (1.35) looks at their whole time
    only while a try runs, so one that fails at once would be tried again for ever."""
    retry = RetryPolicy(
        initial_interval=first_pause,
        backoff_coefficient=2.0,
        maximum_interval=longest_pause,
        maximum_attempts=most,
        non_retryable_error_types=NEVER_RETRIED,
    )
    return Tries(schedule_to_close=whole, start_to_close=one, retry=retry)


_SECOND = timedelta(seconds=1)

DATABASE = Profile(
    quick=_tries(3 * _SECOND, 3 * _SECOND, _SECOND / 10, _SECOND, most=5),
    patient=_tries(timedelta(minutes=30), 10 * _SECOND, _SECOND / 2, 15 * _SECOND),
)
"""Short transactions."""

PAYMENT = Profile(
    quick=_tries(5 * _SECOND, 5 * _SECOND, _SECOND / 5, _SECOND, most=5),
    patient=_tries(timedelta(minutes=30), 20 * _SECOND, _SECOND, timedelta(minutes=1)),
)
"""Calls of a payment provider: idempotent by key, and from the second try on they look before they write."""

MESSAGE = Profile(
    quick=_tries(5 * _SECOND, 5 * _SECOND, _SECOND / 2, _SECOND, most=4),
    patient=_tries(timedelta(hours=24), 20 * _SECOND, 2 * _SECOND, timedelta(minutes=10)),
)
"""Handing a message to a mail server."""

SWEEP = _tries(timedelta(minutes=9), timedelta(minutes=8), _SECOND, timedelta(minutes=1))
"""A walk over the provider's book or over undelivered events; the next run of its Schedule goes on anyway."""

SWEEP_HEARTBEAT = timedelta(seconds=30)
"""A walk that says nothing for this long is started again on another worker."""
