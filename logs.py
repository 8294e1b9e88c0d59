"""Log lines of API, worker and jobs: JSON on standard output with a closed set of fields (`docs/logging.md`).

What may be in a line is decided here, by field: a field that is not in `FIELDS` is dropped, an exception leaves its
class and where it came from, and a library leaves its words without the values in them. So nothing that somebody typed
has a way in.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import TextIO

import msgspec
import structlog
from structlog.typing import EventDict
from temporalio import activity, workflow

from domain.errors import AcademyError

FIELDS = (
    *("timestamp", "level", "type", "service", "event", "logger"),
    *("request_id", "method", "route", "status", "ms"),
    *("workflow_id", "run_id", "workflow_type", "task_queue", "activity", "attempt", "step", "decision", "outcome"),
    *("error", "reason", "frames"),
    *("user_id", "course_id", "enrollment_id", "order_id", "payment_id", "refund_id", "dispute_id"),
    *("review_id", "submission_id", "lesson_id"),
    *("message_id", "communication_id", "event_row", "namespace_id"),
    *("module_id", "programme_id"),
    *("quiz_id", "attempt_id", "void_id", "version", "score", "extra_minutes", "extra_attempts"),
    *("amount", "amount_minor", "currency", "owed", "end_access", "replaced_by"),
    *("by", "roles", "identity", "count", "messages", "change"),
    *("provider", "book", "dependency", "port", "pause_seconds"),
)
"""Every field that a line may have, in the order in which it has them."""

OURS = ("activities", "api", "cache", "db", "gateways", "worker", "temporalio.activity", "temporalio.workflow")
"""Loggers that say what happens; all others are libraries', which say only what goes wrong."""

WORDS = {"ActivityFailure": "step_failed", "WorkflowTaskFailure": "alarm_story_stalled"}
"""The SDK's own lines about our code, by its identifier, in our words."""

FRAMES = 12
"""Innermost frames of an error that are kept."""

_JSON = msgspec.json.Encoder(enc_hook=str)
_STORY = ("workflow_id", "run_id", "workflow_type", "task_queue")


def log_to_stdout(service: str) -> None:
    """Send every line of this process, structlog's and the standard library's, to standard output."""
    log_to(sys.stdout, service)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda thread: _log_uncaught(thread.exc_type, thread.exc_value, thread.exc_traceback)


def log_to(stream: TextIO, service: str) -> logging.Handler:
    """The same on any stream: the handler, once it is the root logger's."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_of(service))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    # Story and step have fields of their own, so they need not stand in the words.
    workflow.logger.workflow_info_on_message = activity.logger.activity_info_on_message = False
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a line that cannot be written would be printed with its values
    return handler


def formatter_of(service: str) -> logging.Formatter:
    """Makes one line of a record; `service` says which process writes it."""

    def line(_logger: object, _method: str, entry: EventDict) -> EventDict:
        record: logging.LogRecord = entry["_record"]
        found: EventDict = {
            **structlog.contextvars.get_contextvars(),
            **entry,
            **_story_of(record),
            **_failure_of(entry.pop("exc_info", None)),
            "type": "lms",
            "service": service,
            "logger": record.name,
        }
        return {name: found[name] for name in FIELDS if found.get(name) is not None}

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=FIELDS), _in_words],
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            line,
            structlog.processors.JSONRenderer(serializer=lambda entry, **_: _JSON.encode(entry).decode()),
        ],
    )


def _in_words(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """A library's line without values: Temporal's until a colon, whose names and ids are ours; the template of others.

    Errors' texts stand behind a colon or on further lines; asyncio puts a whole failed task there.
    """
    record: logging.LogRecord = entry["_record"]
    word = WORDS.get(getattr(record, "__temporal_error_identifier", ""))
    said = str(entry["event"] if record.name.startswith("temporalio") else record.msg)
    if record.name == "py.warnings":
        said = "python_warning"
    entry["event"] = word or said.partition("\n")[0].partition(": ")[0]
    return entry


def _story_of(record: logging.LogRecord) -> EventDict:
    """The story, and the step of it, in which a line was written."""
    if activity.in_activity():
        info = activity.info()
        return {
            "workflow_id": info.workflow_id,
            "run_id": info.workflow_run_id,
            "workflow_type": info.workflow_type,
            "task_queue": info.task_queue,
            "activity": info.activity_type,
            "attempt": info.attempt,
        }
    told = getattr(record, "temporal_workflow", None)
    return {name: told[name] for name in _STORY} if told else {}


def _failure_of(exc_info: object) -> EventDict:
    """An error's class and frames. The text only of our own, which are words (`domain.errors`)."""
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if not isinstance(error, BaseException):
        return {}
    if isinstance(error, AcademyError):
        return {"error": type(error).__name__, "reason": str(error)}
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)][-FRAMES:]
    where = [f"{code.co_filename}:{line} {code.co_name}" for code, line in frames]
    return {"error": type(error).__name__, "frames": where}


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Instead of a traceback, whose last line is the error's text."""
    logging.getLogger("logs").critical("process_failed", exc_info=(kind, error, trace) if error else None)
