"""Reading what may be broken without harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sipclient.errors import MalformedMessage
from sipclient.message import Headers, Response, canonical, check, parse_name_addr, split_commas

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


def without_foreign_bindings(response: Response) -> bool:
    """Leave out of a registrar's answer the bindings nobody can read; whether it can be acted upon then.

    It lists those of every device of the user (RFC 3261 §10.3), and what another one wrote is no fault of ours.
    """
    if response.cseq.method != "REGISTER" or response.status >= 300:
        return False
    entries = []
    for name, value in response.headers:
        if canonical(name) != "Contact":
            entries.append((canonical(name).lower(), name, value))
        else:
            entries += [("contact", name, each) for each in _apart(value) if _is_address(each)]
    response.headers = Headers.of_entries(entries)
    try:
        check(response, deciding=True)
    except MalformedMessage:
        return False
    return True


def _apart(value: str) -> list[str]:
    """The elements of a list, also where a quote or bracket in one of them does not close."""
    return list(lenient(lambda: tuple(split_commas(value)))) or value.split(",")


def _is_address(text: str) -> bool:
    return bool(lenient(lambda: (parse_name_addr(text),)))
