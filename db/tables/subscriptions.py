"""Subscriptions (brief, "New Tables for LMS")."""

from piccolo.columns import Timestamp
from piccolo.table import Table

from db.columns import (
    brief_now,
    brief_price,
    optional_boolean,
    optional_json,
    optional_text,
    primary_key,
    reference,
    text,
)
from db.engine import DB
from db.tables.identity import Clinic, User


class CourseSubscription(Table, tablename="course_subscriptions", db=DB):
    """A plan of a person, a clinic or a company."""

    id = primary_key()
    user_id = reference(User, "userId")
    subscription_type = text("subscriptionType")
    status = optional_text(default="active")
    start_date = brief_now("startDate")
    end_date = Timestamp(null=False, default=None, db_column_name="endDate")
    auto_renew = optional_boolean("autoRenew", default=True)
    payment_frequency = optional_text("paymentFrequency")
    price = brief_price("price")
    clinic_id = reference(Clinic, "clinicId", null=True)
    corporate_id = optional_text("corporateId")
    metadata = optional_json()
    created_at = brief_now("createdAt")
    updated_at = brief_now("updatedAt")
