"""The scheduled walks: the relay repeats what was not delivered, the reconciliation compares books, and one forgets."""

from temporalio import workflow

from domain.stories import Story
from workflows.profiles import SWEEP, SWEEP_HEARTBEAT

with workflow.unsafe.imports_passed_through():
    from activities.cleanup import Cleanup
    from activities.file_cleanup import FileCleanup
    from activities.sweeps import SweepReport, Sweeps


@workflow.defn(name=Story.EVENT_RELAY)
class EventRelay:
    """Every half minute: deliver committed events and lost starts."""

    @workflow.run
    async def run(self) -> SweepReport:
        """What was repeated."""
        return await workflow.execute_activity_method(
            Sweeps.relay,
            schedule_to_close_timeout=SWEEP.schedule_to_close,
            start_to_close_timeout=SWEEP.start_to_close,
            heartbeat_timeout=SWEEP_HEARTBEAT,
            retry_policy=SWEEP.retry,
        )


@workflow.defn(name=Story.PAYMENT_RECONCILE)
class PaymentReconcile:
    """Every ten minutes: what the provider's book has and our tables lack."""

    @workflow.run
    async def run(self) -> SweepReport:
        """What was seen and what was set going."""
        return await workflow.execute_activity_method(
            Sweeps.reconcile,
            schedule_to_close_timeout=SWEEP.schedule_to_close,
            start_to_close_timeout=SWEEP.start_to_close,
            heartbeat_timeout=SWEEP_HEARTBEAT,
            retry_policy=SWEEP.retry,
        )


@workflow.defn(name=Story.IDENTITY_CLEANUP)
class IdentityCleanup:
    """Every day: sessions, tokens and links that ended long ago."""

    @workflow.run
    async def run(self) -> SweepReport:
        """How many rows were deleted."""
        return await workflow.execute_activity_method(
            Cleanup.identity,
            schedule_to_close_timeout=SWEEP.schedule_to_close,
            start_to_close_timeout=SWEEP.start_to_close,
            heartbeat_timeout=SWEEP_HEARTBEAT,
            retry_policy=SWEEP.retry,
        )


@workflow.defn(name=Story.STORAGE_CLEANUP)
class StorageCleanup:
    """Every hour: uploads that nobody confirmed or handed in."""

    @workflow.run
    async def run(self) -> SweepReport:
        """How many files were looked at and how many were forgotten."""
        return await workflow.execute_activity_method(
            FileCleanup.sweep,
            schedule_to_close_timeout=SWEEP.schedule_to_close,
            start_to_close_timeout=SWEEP.start_to_close,
            heartbeat_timeout=SWEEP_HEARTBEAT,
            retry_policy=SWEEP.retry,
        )
