"""The second half of `make demo`: a course is learned to its end, in as much time as that takes."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

SPEED = 4.0
BEAT_SECONDS = 1.0
PATIENCE_SECONDS = 60.0

Json = dict[str, Any]


class PlayError(Exception):
    """The demo cannot go on; the text is one line for the person who watches."""


class Learning:
    """A learner with a video player."""

    def __init__(
        self,
        api: str,
        ask: Callable[..., httpx.Response],
        say: Callable[[str], None],
        add: Callable[[str], None],
    ) -> None:
        self._api = f"{api}/api/v1"
        self._ask, self._say, self._add = ask, say, add

    def to_the_end(self, enrollment_id: str) -> None:
        """Learn every lesson. Raises `PlayError`."""
        outline = self._outline(enrollment_id)
        for lesson in [lesson for module in outline["modules"] for lesson in module["lessons"]]:
            self._ask("POST", f"{self._api}/lessons/{lesson['id']}/visits", json={})
            if lesson["type"] == "video":
                self._watch(lesson)
            else:
                self._ask("POST", f"{self._api}/lessons/{lesson['id']}/completion", json={})
                self._say(f"Read “{lesson['title']}”.")
            percent = self._outline(enrollment_id)["completionPercentage"]
            self._add(f"The course is learned to {percent} %.")
        self._until_completed(enrollment_id)

    def _watch(self, lesson: Json) -> None:
        began = last = datetime.now(UTC)
        sequence, status, answer = 0, "", {}
        while status != "completed":
            time.sleep(BEAT_SECONDS)
            now = datetime.now(UTC)
            event = {
                "sequence": sequence,
                "beganAt": last.isoformat(),
                "endedAt": now.isoformat(),
                "fromMs": self._position(began, last),
                "toMs": self._position(began, now),
                "speed": SPEED,
            }
            answer = self._ask(
                "POST", f"{self._api}/lessons/{lesson['id']}/heartbeats", json={"events": [event]}
            ).json()
            status, last, sequence = answer["status"], now, sequence + 1
            if (now - began).total_seconds() > PATIENCE_SECONDS:
                raise PlayError(f"“{lesson['title']}” is still “{status}” after {PATIENCE_SECONDS:.0f} s.")
        self._say(
            f"Watched “{lesson['title']}” ({lesson['videoDuration']} s) at speed {SPEED:.0f}: {sequence} heartbeats,"
            f" {answer['timeSpent']} s, complete at {answer['progressPercentage']} %."
        )

    @staticmethod
    def _position(began: datetime, now: datetime) -> int:
        """Milliseconds of the video."""
        return int((now - began).total_seconds() * 1000 * SPEED)

    def _outline(self, enrollment_id: str) -> Json:
        outline: Json = self._ask("GET", f"{self._api}/me/enrollments/{enrollment_id}/outline").json()
        return outline

    def _until_completed(self, enrollment_id: str) -> None:
        began = time.monotonic()
        while self._outline(enrollment_id)["status"] != "completed":
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise PlayError("The last lesson is done and the course is not completed: does the worker run?")
            time.sleep(0.1)
        self._say("The last lesson has started the story of the completion: the course is completed.")
