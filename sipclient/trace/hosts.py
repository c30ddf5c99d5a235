"""Who sent a message to whom, as names of columns: by its addresses, or by what its Via and URIs tell."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sipclient.message import Request, SipUri
from sipclient.trace.damage import UNKNOWN as LOST
from sipclient.trace.entry import Entry, safely
from sipclient.trace.record import Address, Record

HERE = "this side"  # whoever wrote the trace, where it does not tell its own address
UNKNOWN = "?"


class Hosts:
    """Names the two ends of each message. A host that talks to itself is told apart by its ports."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._split = {
            record.source.host for record in records if record.source.host == record.destination.host != ""
        }  # fmt: skip

    def placed(self, entry: Entry, request: Entry | None) -> Entry:
        """The entry with its source and target; `request` is what a response answers, where that is known."""
        record = entry.record
        source = self._name(record.source) or (HERE if record.direction == "sent" else "")
        target = self._name(record.destination) or (HERE if record.direction == "received" else "")
        if not source:
            source = self._from_message(entry, request, True)
        if not target:
            target = self._from_message(entry, request, False)
        return msgspec.structs.replace(entry, source=source or UNKNOWN, target=target or UNKNOWN)

    def _name(self, address: Address) -> str:
        if address.host == LOST:
            return ""
        return str(address) if address.host in self._split else address.host

    def _from_message(self, entry: Entry, request: Entry | None, source: bool) -> str:
        if request is not None and not entry.is_request:
            return request.target if source else request.source
        message = entry.message
        if source == entry.is_request:
            via = safely(lambda: message.via, None)
            return self._name(Address(via.host, via.port or 0)) if via is not None else ""
        uri = safely(lambda: message.uri, None) if isinstance(message, Request) else None
        return self._name(Address(uri.host, uri.port or 0)) if isinstance(uri, SipUri) else ""
