"""robot.toml from the disk: the only place that reads it, its password files and the environment for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal

from sipclient.config import LONGEST_FILE, Config, Finding, check, load
from sipclient.errors import ConfigError
from sipclient.media import has_extra
from sipclient.robot.beside import Beside
from sipclient.robot.reading import read_text, store_path

_LONGEST_SECRET = 64 * 1024  # bytes of a password file


def folder_of(path: str) -> str:
    """Where relative paths in a robot.toml begin: at the file itself, wherever it is run from."""
    try:
        return os.path.dirname(os.path.abspath(path))
    except FileNotFoundError:
        raise ConfigError("the folder it is run in is not there any more: go to another", file=path) from None


def load_file(path: str, *, secrets: Literal["needed", "if there"] = "needed") -> Config:
    """The file as checked values. Raises ConfigError for its first mistake, or where it cannot be read.

    Where secrets are wanted only `if there`, and one cannot be had, all stay empty.
    """
    text, lacking = text_of(path), lacking_extras()
    try:
        return load(text, file=path, environ=os.environ, read=_reader(path), lacking=lacking)
    except ConfigError:
        if secrets == "needed":
            raise
        return load(text, file=path, secrets=False, lacking=lacking)


def check_file(path: str) -> list[Finding]:
    """Everything there is to say about the file. Raises ConfigError where it cannot be read."""
    outside = Beside(folder_of(path))
    text, lacking = text_of(path), lacking_extras()
    return check(text, file=path, environ=os.environ, read=_reader(path), lacking=lacking, outside=outside)


def lacking_extras() -> tuple[str, ...]:
    """The extras a file may need that are not installed here; asking loads none."""
    there = {
        "media": has_extra(),
        "ws": find_spec("websockets") is not None,
        "web": None not in map(find_spec, ("litestar", "uvicorn", "httpx", "prometheus_client")),
        "postgres": find_spec("psycopg") is not None,
        "otel": spans_there(),
    }
    return tuple(name for name, is_there in there.items() if not is_there)


def spans_there() -> bool:
    """Whether the extra `otel` is installed, of which other programs bring parts."""
    try:
        return None not in map(find_spec, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # what they are in is not there
        return False


def store_url(config: Config, folder: str) -> str:
    """The URL of the store, a relative path of SQLite's completed."""
    path = store_path(str(config.store.url), folder)
    return str(config.store.url) if path is None else f"sqlite:{path}"


def text_of(path: str) -> str:
    """The file as it is. Raises ConfigError where it cannot be read."""
    try:
        return read_text(path, LONGEST_FILE)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"this is no UTF-8 text: byte {error.start} is not", file=path) from error
    except ValueError as error:  # a NUL in the path itself, or too long
        raise ConfigError(f"cannot be read: {error}", file=path) from error


def _reader(path: str) -> Callable[[str], str]:
    folder = folder_of(path)

    def read(name: str) -> str:
        return read_text(os.path.join(folder, name), _LONGEST_SECRET)

    return read
