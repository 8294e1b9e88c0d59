"""The pages that links in mails lead to: they ask the right routes, and their script is the only one that may run."""

import base64
import hashlib
import re

import httpx
import pytest
from litestar import Litestar

from api.access import declared_handlers

PAGES = {
    "/verify-email": "/api/v1/auth/email-verifications/confirm",
    "/reset-password": "/api/v1/auth/password-resets/confirm",
    "/forgot-password": "/api/v1/auth/password-resets",
}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_its_route_by_its_own_script_only(
    app: Litestar, client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path, params={"token": '"><script>alert(1)</script>'})
    assert answer.status_code == 200
    assert "alert" not in answer.text
    action = re.findall(r'data-action="([^"]*)"', answer.text)
    assert action == [PAGES[path]]
    routes = {(method, route) for route, handler in declared_handlers(app) for method in handler.http_methods}
    assert ("POST", action[0]) in routes
    [script] = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("header", "language"), [("hi-IN,hi;q=0.9,en;q=0.8", "hi"), ("en-IN,hi;q=0.9", "en"), ("ta", "en"), ("", "en")]
)
async def test_a_page_speaks_the_browsers_language(client: httpx.AsyncClient, header: str, language: str) -> None:
    for path in PAGES:
        answer = await client.get(path, headers={"Accept-Language": header})
        assert f'<html lang="{language}">' in answer.text
        assert answer.headers["vary"] == "Accept-Language"
