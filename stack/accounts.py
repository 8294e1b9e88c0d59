"""The message providers' accounts of a stack that has none: made once, kept with its data, known to the stand-ins."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from settings import Settings
from stack.process import HOST, secret_file

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def stand_in_accounts(settings: Settings) -> dict[str, object]:
    """Settings for each channel that the adopter has not set up, pointing at the stand-in in the inbox."""
    base = f"http://{HOST}:{settings.inbox_port}"
    folder = settings.data_dir / "accounts"
    accounts: dict[str, object] = {"web_push_origins": ",".join(filter(None, (settings.web_push_origins, base)))}
    if not settings.twilio_account_sid:
        accounts |= {
            "twilio_api_base": base,
            "twilio_account_sid": "AC00000000000000000000000000000000",
            "twilio_auth_token": SecretStr(secret_file(folder / "twilio")),
            "twilio_from": "+15005550006",
        }
    if not settings.whatsapp_phone_number_id:
        accounts |= {
            "whatsapp_api_base": f"{base}/v23.0",
            "whatsapp_phone_number_id": "100000000000001",
            "whatsapp_access_token": SecretStr(secret_file(folder / "whatsapp-token")),
            "whatsapp_app_secret": SecretStr(secret_file(folder / "whatsapp-app")),
            "whatsapp_verify_token": SecretStr(secret_file(folder / "whatsapp-verify")),
        }
    if not settings.fcm_service_account.get_secret_value():
        account = {
            "project_id": "stand-in",
            "client_email": "push@stand-in.example",
            "private_key": _key(folder / "fcm.pem", lambda: rsa.generate_private_key(65537, 2048)),
            "token_uri": f"{base}/token",
        }
        accounts |= {"fcm_api_base": base, "fcm_service_account": SecretStr(json.dumps(account))}
    if not settings.vapid_private_key.get_secret_value():
        accounts["vapid_private_key"] = SecretStr(
            _der(_key(folder / "vapid.pem", lambda: ec.generate_private_key(ec.SECP256R1())))
        )
    return accounts


def _key(path: Path, make: Callable[[], PrivateKey]) -> str:
    """The private key kept in this file as PEM, made at the first call."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        pem = make().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_bytes(pem)
        partial.rename(path)
    return path.read_text()


def _der(pem: str) -> str:
    """The 32 bytes of a P-256 key in base64url, as VAPID tools give them out."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # we made it
    return base64.urlsafe_b64encode(key.private_numbers().private_value.to_bytes(32, "big")).decode().rstrip("=")
