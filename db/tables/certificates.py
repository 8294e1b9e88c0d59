"""Certificates (brief, "New Tables for LMS")."""

from piccolo.columns import ForeignKey
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.table import Table

from db.columns import brief_now, brief_time, optional_json, optional_text, primary_key, text
from db.engine import DB
from db.tables.learning import CourseEnrollment


class CourseCertificate(Table, tablename="course_certificates", db=DB):
    """The current certificate of an enrollment."""

    id = primary_key()
    enrollment_id = ForeignKey(
        CourseEnrollment,
        null=False,
        default=None,
        unique=True,
        db_column_name="enrollmentId",
        on_delete=OnDelete.no_action,
        on_update=OnUpdate.no_action,
    )
    certificate_number = text("certificateNumber", unique=True)
    issued_at = brief_now("issuedAt")
    valid_until = brief_time("validUntil")
    pdf_url = optional_text("pdfUrl")
    verification_url = optional_text("verificationUrl")
    metadata = optional_json()
