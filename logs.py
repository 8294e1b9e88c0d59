"""Logs of the worker and the jobs: JSON lines on standard output, with the ids that a line carries and nothing else."""

import logging
import sys

import structlog


def log_to_stdout(level: int = logging.INFO) -> None:
    """Send the standard library's loggers, Temporal's among them, to standard output as JSON lines.

    Tracebacks keep files and lines; messages of exceptions are left out, since they may hold what somebody typed.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _frames_only,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("stripe").setLevel(logging.WARNING)


def _frames_only(_logger: object, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    record = entry.pop("exc_info", None)
    if record is not None and isinstance(record, tuple) and record[0] is not None:
        frames = []
        trace = record[2]
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}")
            trace = trace.tb_next
        entry["error"] = record[0].__name__
        entry["frames"] = frames[-12:]
    return entry
