"""The values that a test session used: people's from the databases, secrets from settings and files, passwords from
the tests' own text."""

import ast
import gc
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from settings import DEVELOPMENT_SECRETS

SHORTEST = 6
"""A shorter value would be found by chance."""

_OF_PEOPLE = """
SELECT 'name', name FROM users
UNION SELECT 'name', billing ->> 'name' FROM orders
UNION SELECT 'name', buyer ->> 'name' FROM invoices
UNION SELECT 'GSTIN', billing ->> 'gstin' FROM orders
UNION SELECT 'address', jsonb_array_elements_text(billing #> '{address,lines}') FROM orders
UNION SELECT 'phone number', value FROM users, jsonb_each_text(contact_channels)
UNION SELECT 'device', token FROM devices
UNION SELECT 'message', title FROM communications
UNION SELECT 'message', body FROM communications
UNION SELECT 'digest of a token', token_hash FROM refresh_tokens
UNION SELECT 'digest of a password', password_hash FROM users
"""

WORD = re.compile(r"[a-z0-9_./:-]{,19}", re.ASCII)
"""Generated requests name people and devices like words of our own lines (`request`, `postgres`): found by chance."""

NAMES_OF_SECRETS = re.compile(r"(?:password|secret|secret_key)$", re.IGNORECASE)
"""Whose literal values in the tests are secrets."""


async def values_of_people(database_url: str) -> dict[str, str]:
    """What a database knows of people, each value with what it is."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        rows = await connection.fetch(_OF_PEOPLE)
    finally:
        await connection.close()
    return {value: kind for kind, value in rows if value and len(value) >= SHORTEST and not WORD.fullmatch(value)}


def values_of_stacks(folder: Path) -> dict[str, str]:
    """The secrets that the stacks below a folder have made for themselves, and those of development."""
    found = {secret.rpartition(":")[2]: "secret of the settings" for secret in DEVELOPMENT_SECRETS.values()}
    for file in (*folder.rglob("*.password"), *folder.rglob("accounts/*")):
        lines = [line for line in file.read_text().split() if len(line) > 16 and not line.startswith("-")]
        found |= dict.fromkeys(lines, "secret of a stack")
    return found


def values_of_tests(folder: Path) -> dict[str, str]:
    """Passwords and secrets that stand in the tests."""
    return {
        value: "secret of a test"
        for file in folder.rglob("*.py")
        for value in _secrets_in(_tree_of(file))
        if len(value) >= SHORTEST and not value.startswith("/")  # a route
    }


def _tree_of(file: Path) -> ast.AST:
    """Without garbage collection meanwhile: what is collected may log a traceback, which parses source, too, and Python
    3.11 takes that for an error of ours ("AST constructor recursion depth mismatch", cpython #106905)."""
    gc.disable()
    try:
        return ast.parse(file.read_text())
    finally:
        gc.enable()


def _secrets_in(tree: ast.AST) -> Iterator[str]:
    """The literal values of `PASSWORD = …`, `password=…` and `{"password": …}`."""
    for node in ast.walk(tree):
        pairs: list[tuple[object, ast.AST]] = []
        if isinstance(node, ast.Dict):
            pairs = [(_text(key), value) for key, value in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Assign):
            pairs = [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.keyword):
            pairs = [(node.arg, node.value)]
        for name, node_of_value in pairs:
            value = _text(node_of_value)
            if value and NAMES_OF_SECRETS.search(str(name)):
                yield value


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
