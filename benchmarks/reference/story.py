"""The reference workflows. Frozen: see the package."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.reference.steps import Row, Steps

START_TO_CLOSE = timedelta(seconds=10)


@workflow.defn(name="ReferenceFiveSteps")
class FiveSteps:
    """Five sequential normal activities, each one INSERT."""

    @workflow.run
    async def run(self, run_id: str) -> None:
        for step in range(1, 6):
            await workflow.execute_activity_method(
                Steps.insert, Row(run_id, step), start_to_close_timeout=START_TO_CLOSE
            )


@workflow.defn(name="ReferenceSignalled")
class Signalled:
    """A signal, then one normal activity, one INSERT."""

    def __init__(self) -> None:
        self._told = False

    @workflow.run
    async def run(self, run_id: str) -> None:
        await workflow.wait_condition(lambda: self._told)
        await workflow.execute_activity_method(Steps.insert, Row(run_id, 1), start_to_close_timeout=START_TO_CLOSE)

    @workflow.signal
    def tell(self) -> None:
        """What it waits for."""
        self._told = True
