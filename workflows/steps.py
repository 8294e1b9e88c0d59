"""Running a step of a story, and waiting for a person when it cannot be done: plumbing shared by all stories."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from domain.stories import Attribute
from workflows.profiles import NEVER_RETRIED, Profile

T = TypeVar("T")

_STATE = SearchAttributeKey.for_keyword(Attribute.STATE)
_PROCESS = SearchAttributeKey.for_keyword(Attribute.PROCESS)


FAILED = (ActivityError, ApplicationError)
"""How a step fails: a local activity that is not retried raises its own error, without the activity's around it."""


class RefusedError(Exception):
    """A step met a business "no"; `code` is its stable word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OutageLastedError(Exception):
    """A step failed for its whole patience: a person has to look."""


async def run_step(activity: Callable[..., Awaitable[T]], argument: Any, profile: Profile, summary: str) -> T:
    """Run a step: quickly first, then patiently. Raises `RefusedError` or `OutageLastedError`."""
    try:
        return await run_once(activity, argument, profile, summary)
    except OutageLastedError:
        workflow.logger.warning("step_goes_on_patiently", extra={"step": summary})
    return await run_patiently(activity, argument, profile, f"{summary} (patiently, after an outage)")


async def run_patiently(activity: Callable[..., Awaitable[T]], argument: Any, profile: Profile, summary: str) -> T:
    """Run only the patient form: for a step whose effect comes back as a signal at once. A local activity would still
    be inside the workflow task that the signal upsets, and what was accepted in that task would be lost.

    Raises as `run_step` does.
    """
    try:
        return await workflow.execute_activity_method(
            activity,
            argument,
            schedule_to_close_timeout=profile.patient.schedule_to_close,
            start_to_close_timeout=profile.patient.start_to_close,
            retry_policy=profile.patient.retry,
            summary=summary,
        )
    except FAILED as error:
        raise _in_our_words(error, summary) from error


async def run_once(activity: Callable[..., Awaitable[T]], argument: Any, profile: Profile, summary: str) -> T:
    """Run only the quick form: for what the story asks again later by itself. Raises as `run_step` does."""
    try:
        return await workflow.execute_local_activity_method(
            activity,
            argument,
            schedule_to_close_timeout=profile.quick.schedule_to_close,
            start_to_close_timeout=profile.quick.start_to_close,
            retry_policy=profile.quick.retry,
            summary=summary,
        )
    except FAILED as error:
        raise _in_our_words(error, summary) from error


def show_state(state: str) -> None:
    """Let operators find the story by where it stands."""
    workflow.upsert_search_attributes([_STATE.value_set(state)])


def child_attributes(process: str, state: str) -> TypedSearchAttributes:
    """Of a child story: what it is and where it stands."""
    return TypedSearchAttributes([SearchAttributePair(_PROCESS, process), SearchAttributePair(_STATE, state)])


def _in_our_words(error: FailureError, summary: str) -> RefusedError | OutageLastedError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ApplicationError) and cause.type in NEVER_RETRIED:
            return RefusedError(cause.message)
        cause = cause.__cause__
    return OutageLastedError(summary)
