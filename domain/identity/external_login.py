"""The adopter's own login: what its tokens say in our words, and which of its roles are which of ours; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.errors import AcademyError, BusinessRefusalError
from domain.identity.accounts import ROLE_OF_NEW_USERS
from domain.identity.roles import Role

SUBJECT_LONGEST = 255
"""OpenID Connect Core 1.0 §2 (`sub`): at most 255 ASCII characters."""


class ExternalTokenRefusedError(AcademyError):
    """The token is none of the issuer's, or not for us, or not now."""


class ExternalLogin(msgspec.Struct, frozen=True):
    """A token of the issuer, once its signature has been checked."""

    issuer: str
    subject: str
    issued_at: datetime
    expires_at: datetime
    email: str | None
    """As the issuer writes it."""
    email_verified: bool
    name: str
    """Empty when the token has none."""
    roles: tuple[Role, ...]


def role_mapping(setting: str) -> dict[str, Role]:
    """`doctor=Doctor,desk=ClinicAdmin`: the issuer's word on the left. Raises `ValueError`."""
    pairs = [part.strip().rpartition("=") for part in setting.split(",") if part.strip()]
    mapping = {word.strip(): Role(role.strip()) for word, _, role in pairs}
    if "" in mapping or len(mapping) != len(pairs):
        raise ValueError("wants word=Role pairs with different words, separated by commas")
    return mapping


def usable_subject(subject: str) -> str:
    """The `sub` of a good token, which is to name one person for ever and is indexed as it stands.

    Raises `BusinessRefusalError("login_subject_unusable")` for one that the standard does not allow, and for two kinds
    that it forgot: empty, and with control characters (PostgreSQL cannot hold a NUL).
    """
    if not 0 < len(subject) <= SUBJECT_LONGEST or not subject.isascii() or not subject.isprintable():
        raise BusinessRefusalError("login_subject_unusable")
    return subject


def roles_in(claims: Mapping[str, Any], path: str, mapping: Mapping[str, Role]) -> tuple[Role, ...]:
    """The roles that the claim at this dotted path gives; a new user's when it gives none that we know."""
    value = _claim_at(claims, path)
    words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    roles = {mapping[word] for word in words if isinstance(word, str) and word in mapping}
    return tuple(sorted(roles)) or (ROLE_OF_NEW_USERS,)


def _claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim's own name may have dots (`https://login.example/roles`), so the whole is looked for first."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
