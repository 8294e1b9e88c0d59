"""People, their sessions, and the organisations they belong to."""

from piccolo.columns import Array, Boolean, Text
from piccolo.constraints import Unique
from piccolo.table import Table

from db.columns import created_now, json, moment, optional_moment, optional_text, primary_key, reference, text
from db.engine import DB


class User(Table, tablename="users", db=DB):
    """A person who signs in. `email` is stored in lower case; `roles` holds `domain.identity.roles.Role` values."""

    id = primary_key()
    email = text(unique=True)
    password_hash = optional_text()
    """Null for an account of another issuer, which has no password here."""
    name = text()
    roles = Array(base_column=Text(), null=False, default=None)
    locale = text()
    time_zone = text()
    contact_channels = json()
    """`{"email": true, "sms": "+91…"}`: the channels this person may be reached by."""
    consents = json()
    """What the person agreed to, each with its moment."""
    disabled_at = optional_moment()
    created_at = created_now()
    updated_at = created_now()
    password_changed_at = optional_moment()
    """Null while it is the first password."""
    email_verified_at = optional_moment()


class AuthSession(Table, tablename="auth_sessions", db=DB):
    """One sign-in: the family that its rotating refresh tokens belong to."""

    id = primary_key()
    user_id = reference(User)
    created_at = created_now()
    expires_at = moment()
    revoked_at = optional_moment()
    revoked_reason = optional_text()
    device = optional_text()
    """A word or two out of a fixed list (`domain.identity.devices`), never the `User-Agent` itself."""
    last_used_at = created_now()
    """The login or the last refresh."""


class RefreshToken(Table, tablename="refresh_tokens", db=DB):
    """One refresh token, by its SHA-256; using one twice revokes its session."""

    id = primary_key()
    session_id = reference(AuthSession, cascade=True)
    token_hash = text(unique=True)
    issued_at = created_now()
    used_at = optional_moment()


class EmailLink(Table, tablename="email_links", db=DB):
    """A link sent by e-mail. Its token is made of the row's id and a key that is not in the database."""

    id = primary_key()
    user_id = reference(User)
    purpose = text()
    """`domain.identity.email_links.LinkPurpose`."""
    email = text()
    """Where it was sent: it proves the possession of this address and no other."""
    created_at = created_now()
    expires_at = moment()
    used_at = optional_moment()


class ExternalIdentity(Table, tablename="external_identities", db=DB):
    """A user as the adopter's own login knows them."""

    id = primary_key()
    user_id = reference(User)
    issuer = text()
    subject = text()
    roles_as_of = moment()
    """When the newest token seen was issued: an older one does not change roles."""
    created_at = created_now()
    unlinked_at = optional_moment()
    """Since then it opens nothing, and is not linked again by an address alone."""

    external_identities_issuer_subject_key = Unique([issuer, subject])
    external_identities_issuer_user_key = Unique([issuer, user_id])


class Clinic(Table, tablename="clinics", db=DB):
    """A clinic; `settings` carries the brief's `lmsEnabled` and `lmsCourses`."""

    id = primary_key()
    slug = text(unique=True)
    name = text()
    state = text()
    settings = json()
    created_at = created_now()


class ClinicMember(Table, tablename="clinic_members", db=DB):
    """Who belongs to a clinic, as staff or as a patient."""

    id = primary_key()
    clinic_id = reference(Clinic)
    user_id = reference(User)
    is_staff = Boolean(null=False, default=False)
    created_at = created_now()

    clinic_members_clinic_user_key = Unique([clinic_id, user_id])


class Company(Table, tablename="companies", db=DB):
    """A company that buys seats; `course_subscriptions.corporateId` names it."""

    id = primary_key()
    slug = text(unique=True)
    name = text()
    settings = json()
    created_at = created_now()
