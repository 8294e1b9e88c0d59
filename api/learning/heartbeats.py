"""Heartbeats: what players say they played, gathered, written together, and answered when it is committed."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import Request, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta

from api.access import AUTHENTICATED, requires
from api.gathering import Gatherer
from api.http.problems import ProblemError
from api.http.schemas import ApiStruct, AwareTime
from api.learning.completing import complete
from api.subject import Subject
from bootstrap import Services
from cache.progress import ProgressCopies, progress_key
from db.queries.learning.watching import Heard, Standing, Viewer, read_viewers, write_watches
from domain.learning.analytics import Device, Place
from domain.learning.watching import (
    FASTEST,
    LONGEST_VIDEO_MS,
    SLOWEST,
    Counted,
    Watch,
    count,
    milliseconds,
    moment_of,
    put_right,
)

MOST_EVENTS = 500
"""In one request: more than an hour of an offline phone. They fit into a body of the usual size."""
LARGEST_SEQUENCE = 2**53 - 1
"""What a JavaScript client can count to."""

Position = Annotated[int, Meta(ge=0, le=LONGEST_VIDEO_MS, description="Milliseconds of the video.")]


class PlayEvent(ApiStruct):
    """Playing without a break, or a point (`beganAt` = `endedAt`) where somebody paused or sought."""

    sequence: Annotated[int, Meta(ge=0, le=LARGEST_SEQUENCE, description="Counted up by the device.")]
    began_at: AwareTime
    ended_at: AwareTime
    """By the device's clock."""
    from_ms: Position = 0
    to_ms: Position = 0
    speed: Annotated[float, Meta(ge=SLOWEST, le=FASTEST)] = 1.0
    paused: bool = False
    """Whether the learner paused at its end."""


class HeartbeatBody(ApiStruct):
    """Events of one lesson, in any order; sent again they change nothing."""

    events: Annotated[list[PlayEvent], Meta(min_length=1, max_length=MOST_EVENTS)]
    accessed_from: Device = Device.WEB
    sent_at: AwareTime | None = None
    """The device's clock when it sends. One that is more than 5 s off is put right by it."""


class HeartbeatView(ApiStruct):
    """What is committed now. `accepted` is how many events counted at least in part."""

    accepted: int
    status: str
    progress_percentage: int
    time_spent: int
    """Seconds, over all tabs and devices."""
    last_position: int | None
    """Seconds of the video."""
    received_at: AwareTime


class Beat(msgspec.Struct, frozen=True):
    """One request."""

    user_id: str
    lesson_id: str
    watches: Sequence[Watch]
    pauses: frozenset[int]
    """Sequences of the events that ended with a pause."""
    sent: int | None
    place: Place


class Outcome(msgspec.Struct, frozen=True):
    """What became of it."""

    viewer: Viewer | None
    accepted: int = 0
    standing: Standing | None = None


class Heartbeats:
    """The one gatherer of a process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._copies = ProgressCopies(services.redis)
        self._gatherer: Gatherer[Beat, Outcome] = Gatherer(self._write)

    async def beat(self, beat: Beat) -> Outcome:
        """Write a request's events; what they complete is completed, too, when this returns.

        Raises `ProblemError` (`not_found`, `not_enrolled`, `lesson_locked`, `events_out_of_time`), and what an outage
        raises.
        """
        outcome = await self._gatherer.add(beat)
        viewer, standing = outcome.viewer, outcome.standing
        if viewer is None:
            raise ProblemError("not_found")
        if viewer.enrollment_id is None:
            raise ProblemError("not_enrolled")
        if standing is None:
            raise ProblemError("events_out_of_time" if viewer.is_open else "lesson_locked")
        is_watched = standing.progress_percentage >= self._services.settings.video_complete_percent
        if is_watched and viewer.length and standing.status != "completed":
            await complete(
                self._services,
                viewer.enrollment_id,
                beat.lesson_id,
                beat.place,
                percentage=standing.progress_percentage,
            )
            standing = msgspec.structs.replace(standing, status="completed")
            await self._copies.write([_copy(viewer.enrollment_id, beat.lesson_id, standing)])
        return msgspec.structs.replace(outcome, standing=standing)

    async def _write(self, beats: Sequence[Beat]) -> list[Outcome]:
        viewers = await read_viewers([(beat.user_id, beat.lesson_id) for beat in beats])
        together: defaultdict[tuple[str, str], list[Part]] = defaultdict(list)
        counts = []
        for beat, viewer in zip(beats, viewers, strict=True):
            counted = [] if viewer is None else _counted(beat, viewer)
            counts.append(len(counted))
            if viewer is not None and viewer.enrollment_id is not None and counted:
                together[viewer.enrollment_id, beat.lesson_id].append(Part(beat, viewer, counted))
        standings = {}
        if together:
            standings = await write_watches([_heard(*key, parts) for key, parts in sorted(together.items())])
            await self._copies.write(_copy(*key, standing) for key, standing in standings.items())
        return [
            Outcome(viewer, accepted, standings.get((viewer.enrollment_id or "", beat.lesson_id)) if accepted else None)
            if viewer is not None
            else Outcome(None)
            for beat, viewer, accepted in zip(beats, viewers, counts, strict=True)
        ]


class Part(NamedTuple):
    """One request's part of what is heard of a learner at a lesson."""

    beat: Beat
    viewer: Viewer
    counted: Sequence[Counted]


def _heard(enrollment_id: str, lesson_id: str, parts: Sequence[Part]) -> Heard:
    first = parts[0]
    return Heard(
        enrollment_id=enrollment_id,
        lesson_id=lesson_id,
        user_id=first.beat.user_id,
        viewer=first.viewer,
        counted=[each for part in parts for each in part.counted],
        pauses=[each for part in parts for each in part.counted if each.sequence in part.beat.pauses],
        place=first.beat.place,
    )


def _counted(beat: Beat, viewer: Viewer) -> list[Counted]:
    watches = beat.watches
    if beat.sent is not None:
        watches = [put_right(watch, beat.sent, viewer.now) for watch in watches]
    found = (count(watch, viewer.opened, viewer.now, viewer.length) for watch in watches)
    return [counted for counted in found if counted is not None]


def _copy(enrollment_id: str, lesson_id: str, standing: Standing) -> tuple[str, bytes]:
    return progress_key(enrollment_id, lesson_id), msgspec.json.encode(standing)


@post(
    "/api/v1/lessons/{lesson_id:str}/heartbeats",
    operation_id="sendHeartbeats",
    tags=["Learning"],
    status_code=HTTP_200_OK,
    **requires(AUTHENTICATED, "not_enrolled", "lesson_locked", "events_out_of_time", "service_unavailable"),
)
async def send_heartbeats(
    lesson_id: FromPath[str],
    data: JSONBody[HeartbeatBody],
    request: Request[Subject, Any, Any],
) -> HeartbeatView:
    """Tell what was played: every 10 s, at each pause and seek, or later all that an offline device has kept."""
    # Not by dependencies: Litestar resolves two of them in a task group, which costs as much as the rest of this.
    subject, heartbeats = request.user, request.app.state["heartbeats"]
    watches = [
        Watch(
            sequence=event.sequence,
            began=milliseconds(event.began_at),
            ended=milliseconds(event.ended_at),
            start=event.from_ms,
            stop=event.to_ms,
            speed=event.speed,
        )
        for event in data.events
    ]
    beat = Beat(
        user_id=subject.user_id,
        lesson_id=lesson_id,
        watches=watches,
        pauses=frozenset(event.sequence for event in data.events if event.paused),
        sent=None if data.sent_at is None else milliseconds(data.sent_at),
        place=Place(data.accessed_from, subject.session_id),
    )
    outcome = await heartbeats.beat(beat)
    viewer, standing = outcome.viewer, outcome.standing
    if viewer is None or standing is None:
        raise ProblemError("not_found")
    return HeartbeatView(
        accepted=outcome.accepted,
        status=standing.status,
        progress_percentage=standing.progress_percentage,
        time_spent=standing.time_spent,
        last_position=standing.last_position,
        received_at=moment_of(viewer.now),
    )
