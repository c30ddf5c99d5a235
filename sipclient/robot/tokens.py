"""Tokens for the HTTP API: `tokens.toml`, which has their hashes and scopes and nothing that would let anybody in."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from sipclient.errors import ConfigError
from sipclient.robot.reading import read_text

Scope: TypeAlias = Literal["read", "call", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "call", "admin")  # each may do what those before it may
PREFIX = "sipclient_"
LONGEST_FILE = 1024 * 1024  # bytes
LOOK = 1.0  # seconds between two looks whether the file has changed
_HEAD = "# Tokens for the HTTP API, made by `sipclient token`. Only their hashes stand here.\n"


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token: who has it, what it lets him do, until when."""

    name: str
    scope: Scope
    sha256: str
    created: datetime
    expires: datetime | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: list[Token] = []


def may(scope: Scope, needed: Scope) -> bool:
    """Whether a scope lets somebody do what needs another."""
    return SCOPES.index(scope) >= SCOPES.index(needed)


def hashed(token: str) -> str:
    """The hash of a token. It has 256 random bits, so that a fast hash is enough: nobody can guess his way to it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_tokens(path: str) -> list[Token]:
    """The tokens of a file. Raises ConfigError where it cannot be read, or is none."""
    try:
        found = msgspec.convert(tomllib.loads(read_text(path, LONGEST_FILE)), _File)
    except FileNotFoundError as error:
        raise ConfigError(
            "there is no such file: make one with `sipclient token NAME --scope call`", file=path
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigError(f"this is no file of tokens: {error}", file=path) from error
    for token in found.tokens:
        if token.expires is not None and token.expires.tzinfo is None:
            raise ConfigError(f"token {token.name}: `expires` needs a time zone", file=path)
    return found.tokens


def make_token(path: str, name: str, scope: Scope, now: datetime, expires: datetime | None) -> str:
    """A new token, its hash written to the file, which is made where there is none. Raises ConfigError."""
    tokens = read_tokens(path) if os.path.exists(path) else []
    if any(token.name == name for token in tokens):
        raise ConfigError(f"there is a token {name} already: revoke it first, or take another name", file=path)
    text = PREFIX + secrets.token_urlsafe(32)
    new = Token(name=name, scope=scope, sha256=hashed(text), created=now, expires=expires)
    _write(path, [*tokens, new])
    return text


def revoke_token(path: str, name: str) -> None:
    """Take a token out of the file. Raises ConfigError where there is none of that name."""
    tokens = read_tokens(path)
    kept = [token for token in tokens if token.name != name]
    if len(kept) == len(tokens):
        raise ConfigError(f"there is no token {name}", file=path)
    _write(path, kept)


def _write(path: str, tokens: Iterable[Token]) -> None:
    """All of them at once or not at all, for nobody else to read."""
    text = _HEAD + "".join(map(_entry, tokens))
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".tokens-")  # 0600
        try:
            with os.fdopen(handle, "w") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=path) from error


def _entry(token: Token) -> str:
    lines = [f'name = "{token.name}"', f'scope = "{token.scope}"', f'sha256 = "{token.sha256}"']
    lines += [f"created = {_moment(token.created)}"]
    lines += [f"expires = {_moment(token.expires)}"] if token.expires is not None else []
    return "\n[[tokens]]\n" + "\n".join(lines) + "\n"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Keys:
    """Who is let in: the tokens of a file, which is read again when it has changed. Where it cannot be,
    nobody is."""

    def __init__(self, path: str, now: Callable[[], datetime], clock: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._clock = clock
        self._looked = clock()
        self._state = self._stat()
        self._tokens = read_tokens(path)

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, text: str) -> Token | None:
        """The token, None for one that is unknown or has expired. It takes as long whichever it is."""
        self._look()
        given, found = hashed(text), None
        for token in self._tokens:
            if hmac.compare_digest(token.sha256.encode(), given.encode()):
                found = token
        if found is not None and found.expires is not None and found.expires <= self._now():
            return None
        return found

    def _look(self) -> None:
        now = self._clock()
        if now < self._looked + LOOK:
            return
        self._looked = now
        state = self._stat()
        if state != self._state:
            self._state = state
            try:
                self._tokens = read_tokens(self._path)
            except ConfigError:
                self._tokens = []  # whoever cannot tell who may come in lets nobody in

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
