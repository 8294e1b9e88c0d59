"""A log line when a story starts and when it ends; one that waits for a person says so itself (`workflows.repair`)."""

from enum import Enum
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class StoryLog(Interceptor):
    """Of a worker. A replay writes nothing again, a first task that is tried again does."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """See `Interceptor`."""
        return _StoryLines


class _StoryLines(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        workflow.logger.info("story_started")
        try:
            result = await super().execute_workflow(input)
        except FailureError as error:
            kind = error.type if isinstance(error, ApplicationError) else None
            workflow.logger.warning("story_failed", extra={"error": type(error).__name__, "reason": kind})
            raise
        workflow.logger.info("story_ended", extra={"outcome": result.value if isinstance(result, Enum) else None})
        return result
