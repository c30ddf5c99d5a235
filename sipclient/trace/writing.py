"""Traces written: pcapng, sngrep's text, HEP3, a Mermaid diagram, JSON. Each can be read back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sipclient.errors import MalformedMessage, TraceError
from sipclient.message import Response, parse
from sipclient.trace import hep
from sipclient.trace.documents import OURS
from sipclient.trace.packets_out import packets
from sipclient.trace.record import NOWHERE, Address, Record

_UNKNOWN = "0.0.0.0:0"
_HEP_ROOM = 65535 - 200  # bytes of a message in one HEP packet


def sngrep(records: Iterable[Record]) -> Iterator[bytes]:
    """The text that sngrep saves."""
    for record in records:
        yield _above(record).encode() + b"\n" + record.data + b"\n\n"


def captures(records: Iterable[Record]) -> Iterator[bytes]:
    """HEP3 packets, one after the other. Raises TraceError for a message longer than one holds."""
    for record in records:
        if len(record.data) > _HEP_ROOM:
            raise TraceError(f"a message of {len(record.data)} bytes is too long for HEP3: write pcapng instead")
        yield hep.encode(
            hep.Capture(record.source, record.destination, record.transport, record.at, hep.SIP, record.data)
        )


def mermaid(records: Iterable[Record]) -> Iterator[bytes]:
    """A sequence diagram, with the messages themselves in comments."""
    kept = list(records)
    names: dict[str, str] = {}
    lines = ["sequenceDiagram"]
    for record in kept:
        for address in _ends(record):
            if address not in names:
                names[address] = f"h{len(names) + 1}"
                lines.append(f"    participant {names[address]} as {_plain(address)}")
    for record in kept:
        source, destination = (names[address] for address in _ends(record))
        arrow = "-->>" if record.data.startswith(b"SIP/") else "->>"
        lines.append(f"    {source}{arrow}{destination}: {_plain(label(record))}")
        lines.append(f"%% {_above(record)}")
        text = record.data.decode("utf-8", "surrogateescape")
        lines += [f"%% {line}".rstrip("\r") for line in text.split("\n")]
    yield "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def document(records: Iterable[Record]) -> Iterator[bytes]:
    """JSON: everything that is known of each message."""
    yield f'{{"format": "{OURS}", "messages": ['.encode()
    mark = "\n"
    for record in records:
        yield (mark + json.dumps(_object(record), ensure_ascii=False)).encode()
        mark = ",\n"
    yield b"\n]}\n"


def label(record: Record) -> str:
    """A message in a few words: `INVITE`, `180 Ringing (INVITE)`."""
    try:
        message = parse(record.data)
        if isinstance(message, Response):
            method = (message.headers.get("CSeq") or "").rpartition(" ")[2]
            return f"{message.status} {message.reason}" + (f" ({method})" if method else "")
        return message.method
    except MalformedMessage:
        return record.data.split(b"\r\n")[0].decode("utf-8", "replace").removesuffix(" SIP/2.0")


WRITERS: Mapping[str, Callable[[Iterable[Record]], Iterator[bytes]]] = MappingProxyType(
    {"pcapng": packets, "text": sngrep, "hep": captures, "mermaid": mermaid, "json": document}
)
ENDINGS: Mapping[str, str] = MappingProxyType(
    {".pcapng": "pcapng", ".pcap": "pcapng", ".txt": "text", ".log": "text", ".hep": "hep", ".mmd": "mermaid",
     ".mermaid": "mermaid", ".json": "json"}
)  # fmt: skip
SHARED = frozenset({"mermaid"})  # forms made to be shown to others: redacted unless somebody says otherwise


def write(records: Iterable[Record], form: str) -> Iterator[bytes]:
    """The file, in pieces. Raises TraceError for a form that is not among WRITERS."""
    if form not in WRITERS:
        raise TraceError(f"there is no form {form!r} to write; there are {', '.join(WRITERS)}")
    return WRITERS[form](records)


def _above(record: Record) -> str:
    """The line above a message in sngrep's text."""
    micro = round(max(0.0, record.at) * 1e6)
    seconds, micro = divmod(min(micro, 253402300799 * 10**6), 10**6)
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y/%m/%d %H:%M:%S")
    return f"{when}.{micro:06d} {_written(record.source)} -> {_written(record.destination)}"


def _written(address: Address) -> str:
    if address == NOWHERE:
        return _UNKNOWN
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host or '0.0.0.0'}:{address.port}"


def _ends(record: Record) -> tuple[str, str]:
    """The two columns of a message: its addresses; of a side that is not known, whose it is."""
    near = "we" if record.direction else "?"
    source = str(record.source) if record.source.host else near if record.direction != "received" else "peer"
    destination = str(record.destination) if record.destination.host else near if record.direction != "sent" else "peer"
    return source, destination


def _plain(text: str) -> str:
    """Text that means nothing to Mermaid."""
    return re.sub(r"[^\w .,:()\[\]/?+*@-]", " ", text)[:100].strip() or "?"


def _object(record: Record) -> dict[str, Any]:
    made: dict[str, Any] = {"at": record.at, "clock": record.clock, "direction": record.direction}
    if record.clock == "wall" and 0 <= record.at < 253402300800:
        made["time"] = datetime.fromtimestamp(record.at, UTC).isoformat()
    made |= {"transport": record.transport, "source": _place(record.source), "destination": _place(record.destination)}
    made |= _data("message", record.data)
    if record.other:
        made |= _data("other", record.other)
    for name, words in (("repairs", record.repairs), ("missing", record.missing)):
        if words:
            made[name] = list(words)
    return made


def _place(address: Address) -> str:
    return "" if address == NOWHERE else str(address)


def _data(name: str, data: bytes) -> dict[str, str]:
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}
