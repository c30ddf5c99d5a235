"""Answers that need no state: to messages too broken to parse, to strangers, and when there is no room."""

from __future__ import annotations

from hashlib import blake2s

from sipclient.message import Request
from sipclient.protocol.build import response, response_flow
from sipclient.protocol.wire import Flow, Headers


def stateless_tag(call_id: str, from_value: str) -> str:
    """The same To tag for the same request, without remembering it (RFC 3261 §8.2.7)."""
    text = f"{call_id}\0{from_value}".encode("utf-8", "surrogateescape")
    return blake2s(text, digest_size=8).hexdigest()


def refuse(request: Request, flow: Flow, status: int, reason: str = "", headers: Headers = ()) -> tuple[Flow, bytes]:
    """A response without a transaction, and where it goes."""
    to = response_flow(request, flow)
    tag = "" if request.to_tag else stateless_tag(request.call_id, request.headers.get("From") or "")
    return to, response(request, to, status, reason, to_tag=tag, headers=headers)
