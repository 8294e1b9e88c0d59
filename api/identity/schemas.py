"""What identity routes read and write."""

from datetime import datetime

from api.http.schemas import ApiStruct
from domain.identity.roles import Permission, Role


class RegisterBody(ApiStruct):
    """A new account."""

    email: str
    password: str
    name: str


class LoginBody(ApiStruct):
    """A sign-in."""

    email: str
    password: str


class RefreshBody(ApiStruct):
    """The refresh token that the last login or refresh gave."""

    refresh_token: str


class TokenPair(ApiStruct):
    """Both tokens of a session."""

    access_token: str
    """For `Authorization: Bearer`; a JWT that lives `expiresIn` seconds."""
    refresh_token: str
    """For one call of refresh, within 30 days. Keep it secret, and never use one twice."""
    expires_in: int
    """Seconds."""


class Me(ApiStruct):
    """The caller's own account."""

    id: str
    email: str
    name: str
    roles: list[Role]
    permissions: list[Permission]
    locale: str
    time_zone: str
    created_at: datetime
    email_verified_at: datetime | None
    """When it was proved that the address is the caller's; null until then."""


class LinkBody(ApiStruct):
    """What stands behind `#token=` in the link of a mail."""

    token: str


class ResetRequestBody(ApiStruct):
    """Whose password is to be reset."""

    email: str


class PasswordResetBody(ApiStruct):
    """A new password, by the link of a mail."""

    token: str
    """What stands behind `#token=` in it."""
    password: str


class ChangePasswordBody(ApiStruct):
    """A new password, by the present one."""

    current_password: str
    new_password: str


class SessionItem(ApiStruct):
    """One of the caller's sessions."""

    id: str
    created_at: datetime
    """The login."""
    last_used_at: datetime
    """The login or the last refresh: right to a quarter of an hour."""
    expires_at: datetime
    """When it ends unless it is refreshed before."""
    device: str | None
    """`Firefox on Windows`, say; null when the browser or app is not known."""
    is_current: bool
    """Whether this request comes from it."""


class SessionList(ApiStruct):
    """The caller's living sessions, the one used last before the others."""

    items: list[SessionItem]
