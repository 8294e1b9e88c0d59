"""Learners with two devices each, by the dice, and a plain model of what must be stored of what they did.

The model knows nothing of the rule's code: it plays every event second by second into sets. All times are whole seconds
and all positions quarters of a second, so that sets suffice.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

QUARTER_MS = 250
VIDEO_SECONDS = 600
SPEEDS = (0.25, 0.5, 1.0, 1.25, 1.5, 2.0, 4.0)


@dataclass(frozen=True)
class Event:
    """Seconds from the course's beginning, and quarters of a second of the video."""

    sequence: int
    began: int
    ended: int
    start: int
    stop: int
    speed: float
    paused: bool = False


@dataclass
class Model:
    """What one learner must have at one lesson."""

    access: list[tuple[int, int]]
    watched: set[int] = field(default_factory=set)
    spent: set[int] = field(default_factory=set)
    newest: tuple[int, int, int] | None = None
    pauses: set[tuple[int, int]] = field(default_factory=set)

    def holds(self, second: int) -> bool:
        return any(begin <= second < end for begin, end in self.access)

    def hear(self, event: Event) -> bool:
        """Whether it counts at all."""
        seen = [second for second in range(event.began, event.ended) if self.holds(second)]
        quarters = int(event.speed * 4)
        for second in seen:
            self.spent.add(second)
            first = event.start + (second - event.began) * quarters
            self.watched.update(each for each in range(first, first + quarters) if each < event.stop)
        if seen:
            at = seen[-1] + 1
        elif event.began == event.ended and self.holds(event.ended):
            at = event.ended
        else:
            return False
        age = (at, event.sequence, event.stop)
        self.newest = max(self.newest or age, age)
        if event.paused:
            self.pauses.add((at, event.sequence))
        return True

    def row(self) -> tuple[str, int, int, int] | None:
        """Status, percentage, time spent, last position; `None` when nothing counted."""
        if self.newest is None:
            return None
        quarters = min(len(self.watched), 4 * 4 * len(self.spent))
        percent = 100 * quarters // (VIDEO_SECONDS * 4)
        status = "completed" if percent >= 90 else "in_progress"
        return status, percent, len(self.spent), self.newest[2] * QUARTER_MS // 1000


@dataclass
class Request:
    """Events of one lesson that go out together."""

    learner: int
    lesson: int
    events: list[Event]

    def body(self, epoch: datetime) -> dict[str, Any]:
        """As the API takes it."""
        return {
            "events": [
                {
                    "sequence": event.sequence,
                    "beganAt": (epoch + timedelta(seconds=event.began)).isoformat(),
                    "endedAt": (epoch + timedelta(seconds=event.ended)).isoformat(),
                    "fromMs": event.start * QUARTER_MS,
                    "toMs": event.stop * QUARTER_MS,
                    "speed": event.speed,
                    "paused": event.paused,
                }
                for event in self.events
            ]
        }


def new_epoch() -> datetime:
    """When the models' second 0 is: everything that they do is past."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=4)


def accesses(dice: random.Random, learners: int) -> list[list[tuple[int, int]]]:
    """For each learner when access held: always, or with a gap in which it did not."""
    always = [(0, 10**9)]
    return [
        always if dice.random() < 0.5 else [(dice.randrange(200), dice.randrange(900, 1500)), (1700, 10**9)]
        for _ in range(learners)
    ]


def device(dice: random.Random) -> Iterator[Event]:
    """What one device does at one lesson, for ever: plays in pieces, seeks, pauses, goes away and comes back."""
    sequence, now, position, speed = dice.randrange(50), dice.randrange(300), 0, 1.0
    while True:
        sequence += 1
        what = dice.random()
        if what < 0.70:
            seconds = dice.randrange(1, 15)
            played = min(int(seconds * speed * 4), VIDEO_SECONDS * 4 - position)
            claimed = played if dice.random() < 0.95 else VIDEO_SECONDS * 4 - position  # some claim too much
            yield Event(sequence, now, now + seconds, position, position + claimed, speed)
            now, position = now + seconds, position + played
        elif what < 0.80:
            before, position = position, dice.randrange(VIDEO_SECONDS * 4)
            yield Event(sequence, now, now, before, position, speed)
        elif what < 0.90:
            yield Event(sequence, now, now, position, position, speed, paused=True)
            now += dice.randrange(60)
        else:
            speed = dice.choice(SPEEDS)
            now += dice.randrange(30)
        if position >= VIDEO_SECONDS * 4:
            position = dice.randrange(VIDEO_SECONDS * 2)


def plan(dice: random.Random, *, learners: int, lessons: int, events: int) -> list[Request]:
    """Requests with so many events in all: live ones, offline batches in disorder, some of either twice."""
    devices = [
        (learner, lesson, device(dice)) for learner in range(learners) for lesson in range(lessons) for _ in range(2)
    ]
    requests: list[Request] = []
    made = 0
    while made < events:
        learner, lesson, player = dice.choice(devices)
        batch = [next(player) for _ in range(1 if dice.random() < 0.5 else dice.randrange(2, 40))]
        made += len(batch)
        if dice.random() < 0.3:
            batch += dice.sample(batch, dice.randrange(1, len(batch) + 1))
        dice.shuffle(batch)
        requests += [Request(learner, lesson, batch)] * (2 if dice.random() < 0.2 else 1)
    # Whatever was sent first may come last, within limits.
    order = sorted(range(len(requests)), key=lambda number: number + dice.random() * 40)
    return [requests[number] for number in order]
