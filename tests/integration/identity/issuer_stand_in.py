"""A tiny OpenID Connect issuer: real keys, real HTTP, and the faults that a login service has."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "academy"


class StandInIssuer:
    """`url` is its issuer; `keys` what it signs with, by key id; `published` what its JWKS shows."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.published: list[dict[str, Any]] = []
        self.is_down = False
        self.slash = ""
        """What its issuer has at the end that the setting does not."""
        self.names: str | None = None
        """Another issuer that its configuration names."""
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = {} if issuer.is_down else issuer._answers().get(self.path)
                self.send_response(503 if issuer.is_down else 404 if body is None else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/realms/clinic"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answers(self) -> dict[str, Any]:
        issuer = self.names or self.url + self.slash
        return {
            "/realms/clinic/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": self.url + "/certs"},
            "/realms/clinic/certs": {"keys": self.published},
        }

    def add_rsa(self, key_id: str, bits: int = 2048, **more: Any) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        self.keys[key_id] = (key, "RS256")
        self.published.append({**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, **more})

    def add_ec(self, key_id: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.keys[key_id] = (key, "ES256")
        self.published.append({**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"})

    def withdraw(self, key_id: str) -> None:
        self.published = [entry for entry in self.published if entry["kid"] != key_id]

    def claims(self, subject: str, **more: Any) -> dict[str, Any]:
        """Good claims; a claim given as `None` is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url + self.slash,
            "aud": [AUDIENCE, "appointments"],
            "sub": subject,
            "iat": now,
            "exp": now + 300,
            "email": f"{subject}@clinic.example",
            "email_verified": True,
            "name": "Asha Menon",
            **more,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, subject: str, key_id: str = "k1", header: dict[str, Any] | None = None, **more: Any) -> str:
        key, algorithm = self.keys[key_id]
        headers = {"kid": key_id, **(header or {})}
        return jwt.encode(self.claims(subject, **more), key, algorithm=algorithm, headers=headers)
