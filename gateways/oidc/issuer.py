"""The adopter's login as an outside system: its configuration and its keys, kept and renewed."""

import asyncio
from time import monotonic
from typing import Any

import httpx
import structlog

from domain.errors import OutageError
from domain.identity.external_login import ExternalLogin, ExternalTokenRefusedError
from gateways.oidc.tokens import IssuerKeys, Trust, key_id_and_issuer_of

CONFIGURATION = "/.well-known/openid-configuration"
"""OpenID Connect Discovery 1.0, §4."""
FRESH_SECONDS = 600.0
"""Older keys are read again in the background: one that was taken away must not vouch for ever."""
PAUSE_SECONDS = 10.0
"""Between two tries: anybody may send tokens with unknown key ids."""
TIMEOUT_SECONDS = 3.0

log = structlog.get_logger()


class LoginIssuer:
    """Checks the tokens of one issuer."""

    def __init__(self, url: str, trust: Trust) -> None:
        """`url` with or without a slash at its end; the issuer's own configuration says which is right."""
        self._url = url.rstrip("/")
        self._trust = trust
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        self._keys: IssuerKeys | None = None
        self._tried_at = float("-inf")
        self._has_answered = True
        self._reading: asyncio.Task[IssuerKeys] | None = None

    async def verify(self, token: str) -> ExternalLogin:
        """What a good token says.

        Raises `ExternalTokenRefusedError`, `BusinessRefusalError` as `usable_subject` does, and `OutageError` when only
        a key that we do not know could tell whether it is good, and the issuer does not answer.
        """
        key_id, issuer = key_id_and_issuer_of(token)
        if issuer.rstrip("/") != self._url:
            raise ExternalTokenRefusedError
        return (await self._keys_with(key_id)).read(token, key_id)

    async def close(self) -> None:
        """Leave nothing open."""
        if self._reading is not None:
            self._reading.cancel()
        await self._http.aclose()

    async def _keys_with(self, key_id: str) -> IssuerKeys:
        keys = self._keys
        age = monotonic() - self._tried_at
        if keys is not None and keys.has(key_id):
            if age >= FRESH_SECONDS:
                self._read_again()
            return keys
        if self._reading is not None or age >= PAUSE_SECONDS:
            # Shielded: a caller who leaves must not take the answer from the others.
            keys = await asyncio.shield(self._read_again())
        elif not self._has_answered:
            raise OutageError("login_issuer")
        if keys is None or not keys.has(key_id):
            raise ExternalTokenRefusedError
        return keys

    def _read_again(self) -> asyncio.Task[IssuerKeys]:
        """The one reading under way, begun if there is none."""
        if self._reading is None:
            self._tried_at = monotonic()
            self._reading = asyncio.get_running_loop().create_task(self._read())
            self._reading.add_done_callback(self._note)
        return self._reading

    def _note(self, reading: asyncio.Task[IssuerKeys]) -> None:
        self._reading = None
        if reading.cancelled():
            return
        error = reading.exception()
        self._has_answered = error is None
        if error is None:
            self._keys = reading.result()
        else:
            # What is known goes on working.
            log.warning("login_issuer_unreadable", exc_info=error)

    async def _read(self) -> IssuerKeys:
        configuration = await self._json(self._url + CONFIGURATION)
        issuer, keys_url = configuration.get("issuer"), configuration.get("jwks_uri")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._url:
            raise OutageError("login_issuer_names_another")
        if not isinstance(keys_url, str) or (self._url.startswith("https:") and not keys_url.startswith("https:")):
            raise OutageError("login_issuer_keys_not_safe")
        return IssuerKeys(issuer, await self._json(keys_url), self._trust)

    async def _json(self, url: str) -> dict[str, Any]:
        try:
            answer = await self._http.get(url, headers={"Accept": "application/json"})
            body = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            raise OutageError("login_issuer") from None
        if not isinstance(body, dict):
            raise OutageError("login_issuer")
        return body
