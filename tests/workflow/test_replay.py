"""Recorded stories replay on today's code, and a change to what a story does is made on purpose."""

import difflib
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from gateways.temporal.codec import EncryptionCodec
from gateways.temporal.converter import data_converter
from tests.workflow.commands import COMMANDS_FILE, all_commands
from tests.workflow.record import HISTORIES, PAYLOAD_KEYS
from worker import STORIES, workflow_runner

RECORDED = sorted(HISTORIES.glob("*.json"))

ENCRYPTED = "YmluYXJ5L2VuY3J5cHRlZA=="
"""`binary/encrypted` in base64."""

HOW_TO_CHANGE = """
What a story asks of Temporal has changed ("-" as recorded, "+" now):

{difference}

Stories that run now were started by the old code. After the release their histories are played to the new code, and
where it asks for something else, they stand still until somebody repairs them. So:

  1. Keep the old way for them, beside the new one:
         if workflow.patched("tell-by-sms"):   # a name of your own, never used before
             ...the new way...
         else:
             ...the old way, until the last story that began with it has ended...
  2. Run the tests: `test_a_recorded_story_replays` must be green with the histories as they are.
  3. Only then accept the new commands, and record the new way beside what is there:
         .venv/bin/python -m tests.workflow.record

If no such story can be running (it was never released), go to step 3 at once. docs/guide.md tells more.
"""


@pytest.fixture(scope="module")
def replayer() -> Replayer:
    """With the stories, the converter and the sandbox of `worker.py`."""
    return Replayer(
        workflows=[story for stories in STORIES.values() for story in stories],
        data_converter=data_converter(EncryptionCodec.from_setting(PAYLOAD_KEYS)),
        workflow_runner=workflow_runner(),
    )


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_story_replays(replayer: Replayer, path: Path) -> None:
    await replayer.replay_workflow(WorkflowHistory.from_json(f"recorded/{path.stem}", _text(path)))


async def test_a_story_that_asks_for_something_else_does_not_replay(replayer: Replayer) -> None:
    """So that green above means something."""
    text = _text(HISTORIES / "event-relay.json").replace('"relay_events"', '"another_step"')
    history = WorkflowHistory.from_json("recorded/changed", text)
    outcome = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert "Nondeterminism" in str(outcome.replay_failure)


def test_every_story_has_a_recorded_history() -> None:
    recorded = {_first_event(path)["workflowType"]["name"] for path in RECORDED}
    assert recorded == {story.__temporal_workflow_definition.name for s in STORIES.values() for story in s}  # type: ignore[attr-defined]


def test_recorded_payloads_are_encrypted_and_name_no_machine() -> None:
    for path in RECORDED:
        events = json.loads(_text(path))
        assert {payload["metadata"].get("encoding") for payload in _payloads(events)} <= {ENCRYPTED}, path.stem
        assert '"identity"' not in _text(path)


def test_the_commands_of_every_story_are_the_recorded_ones() -> None:
    recorded, now = _text(COMMANDS_FILE), all_commands()
    difference = "\n".join(difflib.unified_diff(recorded.splitlines(), now.splitlines(), lineterm="", n=1))
    assert recorded == now, HOW_TO_CHANGE.format(difference=difference)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _first_event(path: Path) -> dict[str, Any]:
    history = json.loads(_text(path))
    first: dict[str, Any] = history["events"][0]["workflowExecutionStartedEventAttributes"]
    return first


def _payloads(value: Any, name: str = "") -> list[dict[str, Any]]:
    """Every payload of a history, except search attributes (never encrypted) and the SDK's notes in its markers."""
    if name == "searchAttributes" or (name in ("data", "patch-data") and isinstance(value, dict)):
        return []
    if isinstance(value, list):
        return [payload for item in value for payload in _payloads(item, name)]
    if not isinstance(value, dict):
        return []
    if set(value) <= {"metadata", "data"} and "metadata" in value:
        return [value]
    return [payload for key, item in value.items() for payload in _payloads(item, key)]
