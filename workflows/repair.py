"""Waiting for a person: said in the Temporal UI and in SQL, ended by an update (design rule 5)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.steps import show_state

NOTHING_WAITS = "nothing_waits"
"""Type of the error that refuses a repair while the story goes its way."""

WAITS = "alarm_story_waits_for_person"
"""The log line of a story that waits."""


class Repair(StrEnum):
    """What a person may decide."""

    RETRY = "retry"
    REFUND = "refund"
    ABANDON = "abandon"
    GIVE_UP = "give_up"


class WaitsForPerson:
    """Base of stories that may wait for a person; `retry` is theirs all, other updates are each story's own."""

    def __init__(self) -> None:
        self._waiting_step: str | None = None
        self._decision: Repair | None = None

    async def ask_person(
        self,
        step: str,
        choices: str,
        note: Callable[[str | None], Awaitable[None]],
        patience: timedelta | None = None,
    ) -> Repair:
        """Wait at `step` for a decision among `choices`; when `patience` ends, silence means `ABANDON`.

        `note` writes the step to SQL, and `None` when the wait is over.
        """
        self._waiting_step, self._decision = step, None
        workflow.set_current_details(f"**Waiting for a person** at step `{step}`. Send the update {choices}.")
        show_state("needs_attention")
        workflow.logger.warning(WAITS, extra={"step": step})
        await note(step)
        try:
            await workflow.wait_condition(lambda: self._decision is not None, timeout=patience)
        except TimeoutError:
            self._decision = Repair.ABANDON
        workflow.logger.info("person_decided", extra={"step": step, "decision": self._decision})
        self._waiting_step = None
        workflow.set_current_details("")
        show_state("attended")
        await note(None)
        return self._decision or Repair.ABANDON

    def decide(self, repair: Repair) -> None:
        """Record a person's decision."""
        self._decision = repair

    def require_waiting(self) -> None:
        """Refuse, before history is written, what is sent while nothing waits. Raises `ApplicationError`."""
        if self._waiting_step is None or self._decision is not None:
            raise ApplicationError("The story does not wait for a person.", type=NOTHING_WAITS)

    @workflow.update(name="retry")
    async def retry(self) -> str:
        """Try the step again that waits; answers with its name."""
        step = self._waiting_step or ""
        self.decide(Repair.RETRY)
        return step

    @retry.validator
    def validate_retry(self) -> None:
        """Only while something waits."""
        self.require_waiting()
