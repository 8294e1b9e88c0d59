"""Password hashes: argon2id, off the event loop, a few at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from domain.identity.accounts import normalized_password

HASHES_AT_ONCE = 2
"""Each takes 64 MiB and all of a core: more at once would only take memory."""

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_THREADS = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="argon2")
_NOBODY = _HASHER.hash("the password of an account that does not exist")


async def hash_password(password: str) -> str:
    """An argon2id hash with RFC 9106's second recommended parameters (64 MiB, 3 passes, 4 lanes)."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, normalized_password(password))


async def password_fits(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one; without a hash the same work is done, and the answer is no.

    So the time of an answer does not tell which e-mail has an account.
    """
    loop = asyncio.get_running_loop()
    fits = await loop.run_in_executor(_THREADS, _verify, password_hash or _NOBODY, normalized_password(password))
    return fits and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
