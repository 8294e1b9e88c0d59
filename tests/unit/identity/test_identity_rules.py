"""E-mail, name and password rules, and what roles may do."""

import pytest

from domain.identity.accounts import normalized_email, normalized_name, password_problem
from domain.identity.roles import ROLE_PERMISSIONS, Permission, Role, permissions_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Asha@Example.ORG ", "asha@example.org"),
        ("a.b+c@sub.example.org", "a.b+c@sub.example.org"),
        ("ａsha@example.org", "asha@example.org"),  # full-width letter, as some keyboards write
        ("o'brien@example.org", "o'brien@example.org"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
        ("x" * 65 + "@example.org", None),
        ("x@" + "y" * 63 + "." + ("z" * 60 + ".") * 4 + "org", None),
        ("", None),
        ("asha", None),
        ("asha@localhost", None),
        ("asha@example..org", None),
        (".asha@example.org", None),
        ("asha@-example.org", None),
        ("asha@example.org\n", "asha@example.org"),
        ("asha@exa\nmple.org", None),
        ("asha\x00@example.org", None),
        ("a@b@example.org", None),
        ("asha <asha@example.org>", None),
        ("' OR 1=1 --@example.org", None),
        ("\ud800@example.org", None),
    ],
)
def test_email(text: str, expected: str | None) -> None:
    assert normalized_email(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Asha   Menon ", "Asha Menon"),
        ("आशा मेनन", "आशा मेनन"),
        ("", None),
        (" \t ", None),
        ("x" * 200, "x" * 200),
        ("x" * 201, None),
        ("a\x00b", None),
        ("\ud800", None),
    ],
)
def test_name(text: str, expected: str | None) -> None:
    assert normalized_name(text) == expected


@pytest.mark.parametrize("password", ["a few unrelated words", "कुछ असंबंधित शब्द", "xK9!vbQ2#m", "7" + "ab cd ef" * 30])
def test_good_passwords(password: str) -> None:
    assert password_problem(password, "asha@example.org", "Asha Menon") is None


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "x" * 257,
        "aaaaaaaaaaaa",
        "ababababab12",
        "1234567890",
        "Password123!",
        "qwertyuiop1",
        "asha@example.org",
        "ASHA@example.org",
        "Asha Menon 1990",
        "with a \x00 inside",
        "\ud800 with a lone surrogate",
    ],
)
def test_bad_passwords(password: str) -> None:
    assert password_problem(password, "asha@example.org", "Asha Menon") is not None


def test_every_role_has_permissions_and_only_super_admins_have_all() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert [role for role in Role if permissions_of([role]) == frozenset(Permission)] == [Role.SUPER_ADMIN]


def test_roles_add_up() -> None:
    both = permissions_of([Role.STUDENT, Role.INSTRUCTOR])
    assert both == permissions_of([Role.STUDENT]) | permissions_of([Role.INSTRUCTOR])
    assert permissions_of([]) == frozenset()


@pytest.mark.parametrize(
    ("permission", "roles"),
    [
        (Permission.COURSE_VIEW, set(Role)),
        (Permission.COURSE_ENROLL, set(Role)),
        (Permission.COURSE_CREATE, {Role.INSTRUCTOR, Role.CONTENT_ADMIN, Role.SUPER_ADMIN}),
        (Permission.COURSE_MANAGE, {Role.INSTRUCTOR, Role.CONTENT_ADMIN, Role.SUPER_ADMIN}),
        (Permission.COURSE_PUBLISH, {Role.CONTENT_ADMIN, Role.SUPER_ADMIN}),
        (
            Permission.COURSE_ANALYTICS_VIEW,
            {Role.CLINIC_ADMIN, Role.INSTRUCTOR, Role.CONTENT_ADMIN, Role.SUPER_ADMIN},
        ),
        (Permission.OPERATIONS, {Role.SUPER_ADMIN}),
    ],
)
def test_who_has_a_permission(permission: Permission, roles: set[Role]) -> None:
    assert {role for role in Role if permission in permissions_of([role])} == roles
