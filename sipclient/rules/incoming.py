"""Which entry of [[incoming]] takes a call, and why the others do not. Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from sipclient.config import IncomingConfig, Pattern


class ReceivedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that reached us. `to` and `caller` are user parts or numbers, `to_uri` and `caller_uri` whole."""

    account: str
    to: str
    caller: str
    to_uri: str = ""
    caller_uri: str = ""
    caller_name: str = ""


class Choice(msgspec.Struct, frozen=True):
    """The entry that takes a call and its number in the file, from 1; None and 0 where none does. `passed` says of each
    entry before it why that does not."""

    entry: IncomingConfig | None
    number: int
    passed: tuple[str, ...]


def choose(entries: Iterable[IncomingConfig], call: ReceivedCall, at: datetime) -> Choice:
    """The first entry that matches; `at` is aware of its time zone."""
    passed: list[str] = []
    for number, entry in enumerate(entries, 1):
        failed = _differs(entry, call, at)
        if not failed:
            return Choice(entry, number, tuple(passed))
        passed.append(f"entry {number}: {failed}")
    return Choice(None, 0, tuple(passed))


def _differs(entry: IncomingConfig, call: ReceivedCall, at: datetime) -> str:
    wanted = entry.match
    if wanted.account not in ("", call.account):
        return f"account {call.account} is not {wanted.account}"
    if not _is(wanted.to, call.to, call.to_uri):
        return f"to {call.to} is not {wanted.to}"
    if not _is(wanted.from_, call.caller, call.caller_uri):
        return f"from {call.caller} is not {wanted.from_}"
    if wanted.hours is not None and not wanted.hours.is_open(at):
        return wanted.hours.outside(at)
    return ""


def _is(pattern: Pattern, user: str, uri: str) -> bool:
    return pattern.matches(uri if pattern.uri else user)
