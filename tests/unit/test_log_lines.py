"""What a line may hold: a closed set of fields, no value of an exception, no value of a library's."""

import ast
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from db.queries.audit import field_name
from domain.errors import OutageError
from logs import FIELDS, OURS
from stack.process import PROJECT
from tests.leaks.lines import Line, written

Lines = Callable[[], list[Line]]
PERSON = "asha@example.org"


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the process writes from now on."""
    with written() as read:
        yield read


def test_a_line_has_the_fields_that_were_given_and_those_of_every_line(lines: Lines) -> None:
    structlog.get_logger("api").warning("cache_unavailable", error="ConnectionError", pause_seconds=2)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "warning",
        "type": "lms",
        "service": "worker",
        "event": "cache_unavailable",
        "logger": "api",
        "error": "ConnectionError",
        "pause_seconds": 2,
    }


def test_a_field_that_is_not_documented_is_dropped(lines: Lines) -> None:
    structlog.get_logger("api").info("seen", email=PERSON, user_id="u")
    logging.getLogger("worker").info("seen", extra={"email": PERSON, "user_id": "u"})
    assert [(line["user_id"], PERSON in str(line)) for line in lines()] == [("u", False)] * 2


@pytest.mark.parametrize("logger", [structlog.get_logger("api"), logging.getLogger("asyncio")])
def test_an_exception_leaves_its_class_and_place_and_not_its_text(lines: Lines, logger: Any) -> None:
    try:
        raise ValueError(PERSON)
    except ValueError:
        logger.exception("unexpected_error")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert line["frames"][-1].startswith(f"{__file__}:")
    assert PERSON not in str(line)
    assert "Traceback" not in str(line)


def test_an_error_of_ours_says_its_word(lines: Lines) -> None:
    structlog.get_logger("api").error("outage", exc_info=OutageError("stripe_silent"))
    (line,) = lines()
    assert (line["error"], line["reason"], "frames" in line) == ("OutageError", "stripe_silent", False)


def test_a_library_keeps_its_words_without_the_values(lines: Lines) -> None:
    logging.getLogger("somebody").warning("cannot read %s of %d", PERSON, 7)
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: ValueError('{PERSON}')")
    logging.getLogger("temporalio.worker").warning(f"Completing as failure during heartbeat: {PERSON}")
    logging.getLogger("temporalio.worker").error("Failed handling activation on workflow with run ID %s", "r-1")
    logging.getLogger("py.warnings").warning("%s", f"file.py:1: DeprecationWarning: do not use {PERSON}")
    assert [line["event"] for line in lines()] == [
        "cannot read %s of %d",
        "Task exception was never retrieved",
        "Completing as failure during heartbeat",
        "Failed handling activation on workflow with run ID r-1",
        "python_warning",
    ]


def test_what_a_story_s_line_says_of_the_story(lines: Lines) -> None:
    story = {"workflow_id": "purchase/o", "run_id": "r", "workflow_type": "Purchase", "task_queue": "lms-core"}
    told = {**story, "attempt": 1, "namespace": "default"}
    logging.getLogger("temporalio.workflow").warning("x", extra={"temporal_workflow": told, "step": "settle"})
    (line,) = lines()
    assert {name: line[name] for name in (*story, "step")} == {**story, "step": "settle"}


def test_what_nobody_catches_is_a_line_and_no_traceback() -> None:
    program = f"from logs import log_to_stdout\nlog_to_stdout('worker')\nraise ValueError('{PERSON}')"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    line = json.loads(ended.stdout)
    assert (line["event"], line["level"], line["error"]) == ("process_failed", "critical", "ValueError")
    assert PERSON not in ended.stdout


def test_libraries_speak_only_of_trouble_and_we_of_what_happens() -> None:
    for name in OURS:
        assert logging.getLogger(f"{name}.part").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO), "it logs addresses"
    assert not logging.getLogger("stripe").isEnabledFor(logging.INFO)


def test_the_page_documents_exactly_the_fields() -> None:
    page = (PROJECT / "docs" / "logging.md").read_text().partition("## Lines")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", page, re.MULTILINE)
    fields = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(fields) == sorted(FIELDS)


def calls_of_loggers() -> Iterator[tuple[str, ast.Call]]:
    """Every `log.…(…)` and `….logger.…(…)` of ours, with where it stands."""
    rooms = ("activities", "api", "cache", "db", "gateways", "workflows")
    files = [file for room in rooms for file in (PROJECT / room).rglob("*.py")] + [PROJECT / "worker.py"]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of = ast.unparse(node.func.value)
                if (of == "log" or of.endswith(".logger")) and node.func.attr in LEVELS:
                    yield f"{Path(file).relative_to(PROJECT)}:{node.lineno}", node


LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def test_every_audit_event_has_documented_fields_only() -> None:
    """Others would be missing in its line. Add them to `logs.FIELDS` and `docs/logging.md` unless personal."""
    found = 0
    for file in [*(PROJECT / "db" / "queries").rglob("*.py"), *(PROJECT / "api").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "record_audit":
                found += 1
                subject = f"{ast.literal_eval(node.args[1])}_id"
                details = {field_name(word.arg) for word in node.keywords if word.arg not in (None, "actor_id")}
                assert {subject, *details} <= set(FIELDS), f"{file.name}:{node.lineno}"
    assert found > 10


def test_every_line_of_ours_is_a_word_with_documented_fields() -> None:
    found = list(calls_of_loggers())
    assert len(found) > 25
    for where, call in found:
        said = call.args[0]
        if isinstance(said, ast.Constant):
            assert re.fullmatch(r"[a-z_]+", str(said.value)), where
        else:
            assert ast.unparse(said) in ("WAITS", "event.action"), where
        assert len(call.args) == 1, f"{where}: values belong in fields"
        for keyword in call.keywords:
            extra = keyword.value if keyword.arg == "extra" else None
            names = [ast.literal_eval(key) for key in extra.keys if key] if isinstance(extra, ast.Dict) else []
            if keyword.arg not in (None, "extra", "exc_info"):
                names.append(keyword.arg)
            assert set(names) <= set(FIELDS), where
