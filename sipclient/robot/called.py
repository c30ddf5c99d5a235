"""Whom a caller called, whatever way the call took to us."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.errors import MalformedMessage
from sipclient.message import Request, SipUri, TelUri, canonical, parse_name_addrs
from sipclient.message.uri import Uri

LONGEST = 256  # characters of a number or name that go on from here


def called(request: Request, ours: str) -> str:
    """The first of these that is not ourselves: the Request-URI, To, whoever sent the call on to us (Diversion, RFC
    5806 §4; History-Info, RFC 7044 §5). A PBX that forwards a busy extension's call writes it in one of them."""
    users = (user_of(uri) for uri in (request.uri, request.to.uri, *_diverted(request)))
    return next((user for user in users if user and user != ours), ours)[:LONGEST]


def user_of(uri: Uri) -> str:
    """The number or user part, with escapes as they are; empty where there is none."""
    if isinstance(uri, SipUri):
        return uri.user
    return uri.number if isinstance(uri, TelUri) else ""


def _diverted(request: Request) -> Iterator[Uri]:
    diversions = _listed(request, "Diversion")
    yield from diversions[:1]  # the latest comes first
    yield from _listed(request, "History-Info")[-2:-1]  # the last entry is we


def _listed(request: Request, name: str) -> list[Uri]:
    value = ", ".join(text for key, text in request.headers if canonical(key) == name)
    try:
        return [each.uri for each in parse_name_addrs(value)] if value.strip() else []
    except MalformedMessage:
        return []
