"""Traces that are JSON: HAR of a browser, Homer's messages, `tshark -T json`, and our own."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from sipclient.errors import TraceError
from sipclient.trace.compose import Piece, compose
from sipclient.trace.inference import inferred
from sipclient.trace.moments import moment
from sipclient.trace.places import place
from sipclient.trace.record import NOWHERE, Address, Clock, Direction, Record
from sipclient.trace.source import Source
from sipclient.trace.streams import is_sip

OURS = "sipclient trace"
_LIMIT = 32 << 20  # bytes of JSON, which must be in memory as a whole
_DEPTH = 64
_PROTOCOLS = {17: "UDP", 6: "TCP", 132: "SCTP", 22: "TLS", 50: "TLS"}
_SDP = {
    "sdp.version": "v", "sdp.owner": "o", "sdp.session_name": "s", "sdp.session_info": "i", "sdp.uri": "u",
    "sdp.email": "e", "sdp.phone": "p", "sdp.connection_info": "c", "sdp.bandwidth": "b", "sdp.time": "t",
    "sdp.repeat_time": "r", "sdp.timezone": "z", "sdp.encryption_key": "k", "sdp.session_attr": "a",
    "sdp.media": "m", "sdp.media_title": "i", "sdp.media_attr": "a",
}  # fmt: skip


class Node(dict[str, Any]):
    """A JSON object that has not forgotten members of the same name."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


class Documents:
    """Iterate over it for the records; `forms` counts them by the name of their form."""

    def __init__(self, source: Source) -> None:
        self.forms: dict[str, int] = {}
        self._source = source
        self._count = 0

    def __iter__(self) -> Iterator[Record]:
        document = _loaded(self._source)
        for name, record in _records(document, 0):
            self.forms[name] = self.forms.get(name, 0) + 1
            yield record


def _loaded(source: Source) -> Any:
    data = source.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise TraceError(f"{source.name} is JSON of more than {_LIMIT >> 20} MB: give the capture it was made from")
    try:
        return json.loads(data, object_pairs_hook=Node)
    except RecursionError:
        raise TraceError(f"{source.name} is JSON that is nested too deeply to be a trace") from None
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise TraceError(f"{source.name} begins like JSON and is none: it is cut or damaged{where}") from None


def _records(node: Any, depth: int) -> Iterator[tuple[str, Record]]:
    """The messages anywhere in a document."""
    if depth > _DEPTH:
        return
    if isinstance(node, list):
        for each in node:
            yield from _records(each, depth + 1)
        return
    if not isinstance(node, Node):
        return
    if node.get("format") == OURS and isinstance(node.get("messages"), list):
        yield from _ours(node["messages"])
    elif isinstance(node.get("_webSocketMessages"), list):
        yield from _har(node)
    elif isinstance(node.get("raw"), str) and ("protocol_header" in node or "srcIp" in node):
        yield from _homer(node)
    elif isinstance(node.get("_source"), Node) and isinstance(node["_source"].get("layers"), Node):
        yield from _tshark(node["_source"]["layers"])
    else:
        for each in node.values():
            yield from _records(each, depth + 1)


def _ours(messages: list[Any]) -> Iterator[tuple[str, Record]]:
    for number, each in enumerate(messages, 1):
        if not isinstance(each, Node):
            continue
        data = _bytes(each, "message", "message_base64")
        clocks: tuple[Clock, ...] = ("wall", "year", "day", "relative", "")
        ways: tuple[Direction, ...] = ("sent", "received", "")
        if not data:
            continue
        yield (
            "JSON of sipclient",
            Record(
                data,
                _number(each.get("at")),
                next((clock for clock in clocks if clock == each.get("clock")), ""),
                next((way for way in ways if way == each.get("direction")), ""),
                _text(each.get("transport")),
                place(_text(each.get("source")))[1],
                place(_text(each.get("destination")))[1],
                _texts(each.get("repairs")),
                _bytes(each, "other", "other_base64"),
                _texts(each.get("missing")),
                number,
            ),
        )


def _bytes(node: Node, name: str, packed: str) -> bytes:
    try:
        if isinstance(node.get(packed), str):
            return base64.b64decode(node[packed])
        return _text(node.get(name)).encode()
    except (binascii.Error, ValueError):
        return b""


def _har(entry: Node) -> Iterator[tuple[str, Record]]:
    request = entry.get("request")
    url = _text(request.get("url")) if isinstance(request, Node) else ""
    try:
        parts = urlsplit(url)
        server = Address(parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80))
    except ValueError:
        server, parts = NOWHERE, urlsplit("")
    for number, each in enumerate(entry["_webSocketMessages"], 1):
        if not isinstance(each, Node) or not isinstance(each.get("data"), str):
            continue
        data = _bytes(each, "data", "data" if each.get("opcode") == 2 else "")
        if not is_sip(data):
            continue
        sent = each.get("type") == "send"
        record = Record(
            data, _number(each.get("time")), "wall", "sent" if sent else "received", parts.scheme.upper(),
            NOWHERE if sent else server, server if sent else NOWHERE, line=number,
        )  # fmt: skip
        yield "HAR file", inferred(record)


def _homer(row: Node) -> Iterator[tuple[str, Record]]:
    head = row.get("protocol_header")
    head = head if isinstance(head, Node) else row
    data = _text(row["raw"]).encode("utf-8", "surrogatepass")
    if not is_sip(data):
        return
    at: float = _number(head.get("timeSeconds")) + _number(head.get("timeUseconds")) / 1e6
    clock: Clock = "wall" if at else ""
    if not at:
        date = row.get("create_date") or row.get("micro_ts")
        at, clock = (date / (1e6 if date > 1e14 else 1e3), "wall") if isinstance(date, int) else moment(_text(date))
    addresses = [
        Address(_text(head.get(f"{side}Ip")), int(_number(head.get(f"{side}Port"))) % 65536) for side in ("src", "dst")
    ]
    via = head.get("protocol")
    transport = _PROTOCOLS.get(via, "") if isinstance(via, int) else _text(via).upper()
    number = int(_number(row.get("id")))
    yield "Homer JSON", Record(data, at, clock, "", transport, addresses[0], addresses[1], line=number)


def _tshark(layers: Node) -> Iterator[tuple[str, Record]]:
    frame, ip = _child(layers, "frame"), _child(layers, "ip") or _child(layers, "ipv6")
    via = next((name for name in ("udp", "tcp", "sctp") if isinstance(layers.get(name), Node)), "")
    ports, family = _child(layers, via), "ip" if "ip" in layers else "ipv6"
    at = moment(_text(frame.get("frame.time_epoch")))[0]
    source, destination = (
        Address(_text(ip.get(f"{family}.{side}")), int(_number(ports.get(f"{via}.{side}port"))) % 65536)
        for side in ("src", "dst")
    )
    number = int(_number(frame.get("frame.number")))
    carried = _hex(_text(ports.get(f"{via}.payload")))
    trees = [value for name, value in layers.pairs if name == "sip" and isinstance(value, Node)]
    if len(trees) == 1 and is_sip(carried) and via == "udp":
        found = [carried]
    else:
        found = [data for data in (_from_tree(tree) for tree in trees) if data]
    transport = "WS" if "websocket" in layers else via.upper()
    for data in found:
        yield "tshark JSON", Record(data, at, "wall" if at else "", "", transport, source, destination, line=number)


def _from_tree(tree: Node) -> bytes:
    """A message from its dissection, where the packet's own bytes are not there."""
    start = _text(tree.get("sip.Request-Line") or tree.get("sip.Status-Line"))
    lines = [start, *re.split(r"\r?\n", _text(tree.get("sip.msg_hdr")).rstrip()), ""]
    body = tree.get("sip.msg_body")
    sdp = body.get("sdp") if isinstance(body, Node) else None
    if isinstance(sdp, Node):
        lines += [f"{_SDP[name]}={value}" for name, value in sdp.pairs if name in _SDP and isinstance(value, str)]
    made = compose([Piece(0, line, "\r\n") for line in lines], [])
    return made.data if made is not None else b""


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError:
        return b""


def _child(node: Node, name: str) -> Node:
    found = node.get(name)
    return found if isinstance(found, Node) else Node([])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _number(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return number if abs(number) < 1e15 else 0.0  # infinities and nonsense are no times
