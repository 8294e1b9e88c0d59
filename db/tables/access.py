"""Reasons for access."""

from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import created_now, moment, optional_moment, optional_text, primary_key, reference, text
from db.engine import DB
from db.tables.courses import Course
from db.tables.identity import User


class Entitlement(Table, tablename="entitlements", db=DB):
    """One reason why one person may watch one course; `reason` is a `domain.access.AccessReason`."""

    id = primary_key()
    user_id = reference(User)
    course_id = reference(Course)
    reason = text()
    source_id = text()
    """The order, plan, clinic, seat, gift or prescription that gave it."""
    since = moment()
    until = optional_moment()
    ended_at = optional_moment()
    ended_reason = optional_text()
    created_at = created_now()

    entitlements_reason_source_key = Unique([reason, source_id, user_id, course_id])
