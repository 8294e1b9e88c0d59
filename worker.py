"""`python worker.py [queue …]`: run the stories and steps of task queues, all of them by default."""

import asyncio
import signal
import sys
from datetime import timedelta

import structlog
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from bootstrap import Services, activities_of, end_process, open_services
from domain.errors import AcademyError
from domain.stories import TaskQueue
from gateways.temporal.runner import AcademyWorkflowRunner
from gateways.temporal.story_log import StoryLog
from logs import log_to_stdout
from settings import SettingsError, current_settings
from workflows.completion import CompletionStory
from workflows.dispute import DisputeStory
from workflows.late_payment import LatePaymentStory
from workflows.message import MessageStory
from workflows.notice import NoticeStory
from workflows.purchase import PurchaseStory
from workflows.quizzes import QuizAttemptStory, QuizRegradeStory
from workflows.refund import RefundStory
from workflows.sweeps import EventRelay, IdentityCleanup, PaymentReconcile, StorageCleanup

log = structlog.get_logger("worker")

GRACE = timedelta(seconds=10)
"""How long running steps may finish after SIGTERM; what is cut off is done again by another worker."""

STORIES = {
    TaskQueue.CORE: [
        PurchaseStory,
        RefundStory,
        LatePaymentStory,
        DisputeStory,
        MessageStory,
        NoticeStory,
        CompletionStory,
        QuizAttemptStory,
        QuizRegradeStory,
        EventRelay,
        PaymentReconcile,
        IdentityCleanup,
        StorageCleanup,
    ],
}


def workflow_runner(*also_passed_through: str) -> AcademyWorkflowRunner:
    """The sandbox, with our pure messages passed through: msgspec types that hold a `datetime` need it (facts)."""
    return AcademyWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "domain", "activities", "msgspec", "uuid_utils", *also_passed_through
        )
    )


def worker_for(services: Services, queue: TaskQueue, runner: SandboxedWorkflowRunner | None = None) -> Worker:
    """A worker of one task queue, with every client injected; tests and replays may bring a `runner`."""
    return Worker(
        services.temporal,
        task_queue=queue,
        workflows=STORIES[queue],
        activities=activities_of(services),
        workflow_runner=runner or workflow_runner(),
        interceptors=[StoryLog()],
        graceful_shutdown_timeout=GRACE,
        max_concurrent_local_activities=services.settings.database_pool_size * 4,
    )


async def run(queues: list[TaskQueue]) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_services(current_settings(), for_worker=True) as services, asyncio.TaskGroup() as group:
        # Importing our own stories anew for every workflow costs a third of the worker; the tests' runner does it.
        workers = [worker_for(services, queue, workflow_runner("workflows")) for queue in queues]
        running = [group.create_task(worker.run()) for worker in workers]
        for queue in queues:
            log.info("worker_started", task_queue=queue.value)
        await stop.wait()
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        await asyncio.gather(*running)
        log.info("worker_stopped")


def main() -> int:
    """Exit code 0 after a graceful stop; 2 for a queue that does not exist."""
    names = sys.argv[1:] or [queue.value for queue in TaskQueue]
    unknown = sorted(set(names) - {queue.value for queue in TaskQueue})
    if unknown:
        sys.stderr.write(f"No such task queue: {', '.join(unknown)}. There are: {', '.join(TaskQueue)}.\n")
        return 2
    log_to_stdout("worker")
    try:
        asyncio.run(run([TaskQueue(name) for name in names]))
    except (SettingsError, AcademyError, OSError) as error:
        sys.stderr.write(f"The worker cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    end_process(main())
