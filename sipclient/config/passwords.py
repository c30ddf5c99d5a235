"""Passwords and other secrets: written in the file, named by an environment variable, or kept in a file.

The environment and the reading of files are the caller's: this only says which is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from sipclient.config.findings import Findings
from sipclient.config.lines import Path
from sipclient.config.model import AccountConfig, HepConfig, Text, Turn, WebhookConfig
from sipclient.config.values import Mistake, text_of

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")

Holder = TypeVar("Holder", AccountConfig, Turn, WebhookConfig, HepConfig)


class Sources(msgspec.Struct, frozen=True):
    """Where secrets come from, and whether they are asked for at all."""

    environ: Mapping[str, str]
    read: Callable[[str], str] | None
    wanted: bool = True


def fill_in(holder: Holder, what: str, path: Path, sources: Sources, findings: Findings) -> Holder:
    """The holder with its secret (`what` is `password` or `secret`) in place."""
    inline, variable, file = (getattr(holder, what + ending) for ending in ("", "_env", "_file"))
    given = [what + ending for ending, value in (("", inline), ("_env", variable), ("_file", file)) if value]
    if len(given) > 1:
        findings.error((*path, given[1]), f"{given[0]} is given too: one of them is enough")
        return holder
    if inline:
        findings.warning(
            (*path, what), f"it stands in the file for all to read: {what}_env or {what}_file keeps it out"
        )
        return holder
    if not given or not sources.wanted:
        return holder
    value, problem = _from_environ(variable, sources) if variable else _from_file(file, sources)
    if problem:
        findings.error((*path, given[0]), problem)
    return msgspec.structs.replace(holder, **{what: Text(value)})


def _from_environ(variable: str, sources: Sources) -> tuple[str, str]:
    """The value, or why there is none."""
    value = sources.environ.get(variable, "")
    if not value:
        # A name is said back only where it is written as names are: it may be the password itself.
        named = f" {variable}" if _VARIABLE.fullmatch(variable) else " of this name"
        return "", f"the environment variable{named} is not set"
    return _one_line(value, "the environment variable")


def _from_file(file: str, sources: Sources) -> tuple[str, str]:
    if sources.read is None:
        return "", "the file it names cannot be read from here"
    try:
        value = sources.read(file).rstrip("\r\n")
    except (OSError, ValueError) as error:
        return "", f"the file it names cannot be read: {getattr(error, 'strerror', None) or error}"
    return _one_line(value, "the file") if value else ("", "the file it names is empty")


def _one_line(value: str, where: str) -> tuple[str, str]:
    """The secret, unless it holds what nobody types."""
    try:
        return text_of(value, "a secret"), ""
    except Mistake:
        return "", f"what {where} holds has a line break or another control character in it"
