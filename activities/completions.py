"""The steps of a completion."""

from temporalio import activity

from db.queries.learning.completion import mark_completed


class Completions:
    """What follows a learner's last lesson."""

    @activity.defn(name="mark_completed")
    async def mark(self, enrollment_id: str) -> None:
        """Mark the enrollment as completed; done before, it does nothing."""
        await mark_completed(enrollment_id)
