"""AES-256-GCM around every payload; the key's id travels in the metadata, so that old keys stay readable."""

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from domain.errors import AcademyError

ENCODING = b"binary/encrypted"
NONCE_BYTES = 12


class PayloadKeyError(AcademyError):
    """`PAYLOAD_KEYS` is malformed, or a payload names a key that we do not have or that does not open it."""


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first of `keys` (id → 32 bytes) and decrypts with any of them."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = next(iter(keys))

    @classmethod
    def from_setting(cls, setting: str) -> "EncryptionCodec":
        """`id:base64,id:base64`, the newest first. Raises `PayloadKeyError`."""
        keys = {}
        for part in filter(None, setting.split(",")):
            key_id, _, encoded = part.strip().partition(":")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                raise PayloadKeyError("PAYLOAD_KEYS: a key is not base64") from None
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise PayloadKeyError("PAYLOAD_KEYS wants id:base64 pairs, each of 32 bytes, separated by commas")
        return cls(keys)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload encrypted."""
        cipher, key_id = self._ciphers[self._current], self._current.encode()
        return [self._seal(cipher, key_id, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload decrypted; one that is not encrypted passes through. Raises `PayloadKeyError`."""
        return [self._open(payload) for payload in payloads]

    @staticmethod
    def _seal(cipher: AESGCM, key_id: bytes, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + cipher.encrypt(nonce, payload.SerializeToString(), key_id)
        return Payload(metadata={"encoding": ENCODING, "encryption-key-id": key_id}, data=sealed)

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get("encryption-key-id", b"")
        cipher = self._ciphers.get(key_id.decode(errors="replace"))
        if cipher is None:
            raise PayloadKeyError("a payload was encrypted with a key that PAYLOAD_KEYS does not list")
        try:
            plain = cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], key_id)
        except (InvalidTag, ValueError):
            raise PayloadKeyError("a payload does not open with its key") from None
        return Payload.FromString(plain)
