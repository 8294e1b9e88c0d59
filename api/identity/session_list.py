"""`/api/v1/auth/sessions`: where the caller is logged in, and ending that."""

import msgspec
from litestar import Controller, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_204_NO_CONTENT

from api.access import AUTHENTICATED, requires
from api.http.problems import ProblemError
from api.identity.schemas import SessionItem, SessionList
from api.subject import Subject
from db.queries.identity.sessions import end_other_sessions, end_session, living_sessions


class SessionController(Controller):
    """The caller's sessions."""

    path = "/api/v1/auth/sessions"
    tags = ("Identity",)

    @get("/", operation_id="listSessions", **requires(AUTHENTICATED))
    async def list_sessions(self, subject: NamedDependency[Subject]) -> SessionList:
        """Where the caller is logged in; a handful, hence one page."""
        return SessionList(
            [
                SessionItem(**msgspec.structs.asdict(session), is_current=session.id == subject.session_id)
                for session in await living_sessions(subject.user_id)
            ]
        )

    @delete("/", operation_id="endOtherSessions", status_code=HTTP_204_NO_CONTENT, **requires(AUTHENTICATED))
    async def end_others(self, subject: NamedDependency[Subject]) -> None:
        """Log out everywhere else: tokens of all other sessions are refused from now on."""
        await end_other_sessions(subject.user_id, subject.session_id, "ended_by_owner")

    @delete(
        "/{session_id:str}",
        operation_id="endSession",
        status_code=HTTP_204_NO_CONTENT,
        **requires(AUTHENTICATED, "not_found"),
    )
    async def end(self, session_id: FromPath[str], subject: NamedDependency[Subject]) -> None:
        """End one session: its tokens are refused from now on. Repeating it changes nothing."""
        if not await end_session(subject.user_id, session_id):
            raise ProblemError("not_found")
