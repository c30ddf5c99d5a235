"""Reading what may be broken without harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sipclient.errors import MalformedMessage
from sipclient.message import Headers, Response

_T = TypeVar("_T")


def lenient(read: Callable[[], tuple[_T, ...]]) -> tuple[_T, ...]:
    """What only informs (Reason, Allow) may be broken: a BYE counts all the same."""
    try:
        return read()
    except MalformedMessage:
        return ()


def skeleton(response: Response) -> Response | None:
    """Of a 2xx that is malformed, what its ACK and BYE need: the dialog, and the way there as far as it is readable.

    None where not even the dialog's tag is.
    """
    headers = Headers()
    headers.carry(response.headers, "Via", "From", "To", "Call-ID", "CSeq")
    if not lenient(lambda: (Response(200, headers=headers).to_tag,)):
        return None
    for name in ("Contact", "Record-Route"):
        way = Headers()
        way.carry(response.headers, name)
        probe = Response(200, headers=way)
        if lenient(lambda probe=probe: (probe.contact_uri, probe.record_routes)):  # type: ignore[misc]
            headers.carry(way, name)
    return Response(response.status, response.reason, headers, checked=True)
