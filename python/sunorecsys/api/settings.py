"""What a server may be told, by environment variables."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sunorecsys.errors import UsageError

READ_TOKEN = "SUNORECSYS_READ_TOKEN_SHA256"  # noqa: S105 the name of a variable
WRITE_TOKEN = "SUNORECSYS_WRITE_TOKEN_SHA256"  # noqa: S105
ORIGINS = "SUNORECSYS_CORS_ORIGINS"
LIMIT = "SUNORECSYS_MAX_REQUEST_BYTES"


def make_token() -> tuple[str, str]:
    """Return a new random token and its SHA-256 in hexadecimal."""
    token = secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, as the variables hold it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Settings:
    """Tokens as hashes (None: anybody may), origins for CORS, and a limit in bytes."""

    read_hash: str | None = None
    write_hash: str | None = None
    origins: tuple[str, ...] = ()
    max_request_bytes: int = 1024 * 1024
    # bytes of answers that are kept
    cache_bytes: int = 64 * 1024 * 1024

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None
    ) -> "Settings":
        """Read the variables.

        Raises:
            UsageError: one of them is wrong; the message names it.
        """
        given = os.environ if environment is None else environment
        limit = given.get(LIMIT, "").strip() or str(cls.max_request_bytes)
        if not limit.isascii() or not limit.isdigit() or int(limit) < 1:
            raise UsageError(f"{LIMIT} is {limit!r}; use a whole number of bytes.")
        origins = [part.strip() for part in given.get(ORIGINS, "").split(",")]
        return cls(
            read_hash=_hash(given, READ_TOKEN),
            write_hash=_hash(given, WRITE_TOKEN),
            origins=tuple(filter(None, origins)),
            max_request_bytes=int(limit),
        )

    @property
    def is_open(self) -> bool:
        """Whether anybody may read."""
        return self.read_hash is None

    def may_read(self, token: str | None) -> bool:
        """Whether a token, or none, may read: the one to write may as well."""
        if self.read_hash is None:
            return True
        return token is not None and (
            _same(token, self.read_hash) | _same(token, self.write_hash)
        )

    def may_write(self, token: str | None) -> bool:
        """Whether a token, or none, may write."""
        if self.write_hash is None:
            # who protects reading has not meant that anybody may write
            return self.read_hash is None
        return token is not None and _same(token, self.write_hash)


def _hash(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name, "").strip().lower()
    if not value:
        return None
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise UsageError(
            f"{name} is no SHA-256 in hexadecimal (64 digits). "
            '"sunorecsys serve --make-token" makes a token and its hash.'
        )
    return value


def _same(token: str, expected: str | None) -> bool:
    return hmac.compare_digest(hash_of(token), expected or "")
