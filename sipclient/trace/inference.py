"""Who sent a message that a WebSocket client logged without addresses: its Via says. RFC 3261 §18.2.2, RFC 7118."""

from __future__ import annotations

import msgspec

from sipclient.errors import MalformedMessage
from sipclient.message import Request, SipUri, parse
from sipclient.trace.record import Address, Record


def inferred(record: Record) -> Record:
    """The record with its transport, and the addresses that Via and Contact name, where it has none."""
    try:
        message = parse(record.data)
        via, contact = message.via, message.contacts
    except MalformedMessage:
        return record
    near = Address(via.host, via.port or 0)
    uri = contact[0].uri if contact else None
    far = Address(uri.host, uri.port or 0) if isinstance(uri, SipUri) and uri.host != via.host else record.destination
    if isinstance(message, Request):
        source, destination = near, record.destination
    else:
        source, destination = far, near
    return msgspec.structs.replace(
        record,
        transport=record.transport or via.transport,
        source=source if not record.source.host else record.source,
        destination=destination if not record.destination.host else record.destination,
    )
