"""Roles out of another issuer's claims."""

from typing import Any

import pytest

from domain.identity.external_login import role_mapping, roles_in
from domain.identity.roles import Role

MAPPING = {"doctor": Role.DOCTOR, "desk": Role.CLINIC_ADMIN}
STUDENT = (Role.STUDENT,)


def test_the_mapping_of_the_setting() -> None:
    assert role_mapping(" doctor=Doctor,desk = ClinicAdmin,") == MAPPING
    assert role_mapping("urn:role=x=Doctor") == {"urn:role=x": Role.DOCTOR}, "the last sign divides"
    assert role_mapping("") == {}


@pytest.mark.parametrize("setting", ["doctor", "doctor=", "=Doctor", "doctor=doctor", "a=Doctor,a=Student"])
def test_no_mapping(setting: str) -> None:
    with pytest.raises(ValueError, match=r"wants|not a valid"):
        role_mapping(setting)


@pytest.mark.parametrize(
    ("claims", "path", "roles"),
    [
        ({"roles": ["desk", "doctor", "doctor", "other"]}, "roles", (Role.CLINIC_ADMIN, Role.DOCTOR)),
        ({"role": "doctor"}, "role", (Role.DOCTOR,)),
        ({"realm_access": {"roles": ["doctor"]}}, "realm_access.roles", (Role.DOCTOR,)),
        ({"https://login.example/roles": ["doctor"]}, "https://login.example/roles", (Role.DOCTOR,)),
        ({"roles": ["Doctor", "DOCTOR", "doctor "]}, "roles", STUDENT),
        ({"roles": "desk doctor"}, "roles", STUDENT),
        ({"roles": {"doctor": True}}, "roles", STUDENT),
        ({"realm_access": "roles"}, "realm_access.roles", STUDENT),
        ({}, "roles", STUDENT),
    ],
)
def test_roles(claims: dict[str, Any], path: str, roles: tuple[Role, ...]) -> None:
    assert roles_in(claims, path, MAPPING) == roles
