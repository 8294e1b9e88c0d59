"""Who may do what: the brief's seven roles and six permissions (brief, "Authentication & User Management")."""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """A role of a user; a user may have several."""

    PATIENT = "Patient"
    DOCTOR = "Doctor"
    CLINIC_ADMIN = "ClinicAdmin"
    SUPER_ADMIN = "SuperAdmin"
    STUDENT = "Student"
    INSTRUCTOR = "Instructor"
    CONTENT_ADMIN = "ContentAdmin"


class Permission(StrEnum):
    """What a route may ask for."""

    COURSE_VIEW = "course:view"
    COURSE_ENROLL = "course:enroll"
    COURSE_CREATE = "course:create"
    COURSE_MANAGE = "course:manage"
    COURSE_PUBLISH = "course:publish"
    COURSE_ANALYTICS_VIEW = "course:analytics:view"
    OPERATIONS = "operations"
    """Reading encrypted workflow payloads: ours, beside the brief's six."""
    COMMUNICATIONS = "communications"
    """Writing to people: ours, too."""
    REFUNDS = "refunds"
    """Giving money back beyond what the refund policy grants a buyer: ours, too."""


_EVERY_USER = frozenset({Permission.COURSE_VIEW, Permission.COURSE_ENROLL})
_TEACHING = frozenset({Permission.COURSE_CREATE, Permission.COURSE_MANAGE, Permission.COURSE_ANALYTICS_VIEW})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.PATIENT: _EVERY_USER,
    Role.DOCTOR: _EVERY_USER,
    Role.STUDENT: _EVERY_USER,
    Role.CLINIC_ADMIN: _EVERY_USER | {Permission.COURSE_ANALYTICS_VIEW},
    Role.INSTRUCTOR: _EVERY_USER | _TEACHING,
    Role.CONTENT_ADMIN: _EVERY_USER | _TEACHING | {Permission.COURSE_PUBLISH},
    Role.SUPER_ADMIN: frozenset(Permission),
}


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """The union of what each role may do."""
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))
