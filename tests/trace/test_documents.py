"""Traces that are JSON or tables, in the shapes they come in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sipclient.trace import NOWHERE, Address, TraceError, read
from tests.trace import build

SIP = build.message("INVITE")
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
)
A, B = Address("192.0.2.1", 5060), Address("192.0.2.2", 5062)


def records_of(document: Any) -> Any:
    return read(json.dumps(document).encode()).records


def homer(**changes: Any) -> dict[str, Any]:
    head = {"srcIp": A.host, "dstIp": B.host, "srcPort": A.port, "dstPort": B.port, "protocol": 17}
    return {"raw": SIP.decode(), "protocol_header": {**head, **changes}}


def test_homer_in_its_shapes() -> None:
    timed = homer(timeSeconds=99, timeUseconds=250_000)
    flat = {"raw": SIP.decode(), **homer()["protocol_header"], "create_date": "1970-01-01T00:01:39.250Z"}
    milli = {**homer(), "create_date": 1_500_000_000_250}
    micro = {**homer(), "micro_ts": 1_500_000_000_250_000}
    bare = homer(protocol="tls")
    records = records_of({"data": {"messages": [timed, flat, milli, micro, bare, {"raw": "no sip", "srcIp": "x"}, 7]}})
    assert {(record.data, record.source, record.destination) for record in records} == {(SIP, A, B)}
    assert [record.at for record in records] == [99.25, 99.25, 1_500_000_000.25, 1_500_000_000.25, 0.0]
    assert [record.transport for record in records] == ["UDP"] * 4 + ["TLS"]


def test_har_with_binary_frames_and_other_traffic() -> None:
    packed = base64.b64encode(SIP).decode()
    frames = [
        {"type": "send", "time": 5.5, "opcode": 2, "data": packed},
        {"type": "receive", "time": 6.5, "opcode": 1, "data": SIP.decode()},
        {"type": "send", "time": 7, "opcode": 2, "data": "not base64!"},
        {"type": "send", "time": 7, "opcode": 1, "data": "{}"},
        {"type": "send"},
        None,
    ]
    sent, received = records_of(
        {"log": {"entries": [{"request": {"url": "ws://pbx.example:8088/ws"}, "_webSocketMessages": frames}]}}
    )
    assert (sent.data, sent.direction, sent.transport) == (SIP, "sent", "WS")
    assert sent.destination == received.source == Address("pbx.example", 8088)
    (lost,) = records_of([{"request": {"url": "wss://[broken/"}, "_webSocketMessages": frames[1:2]}])
    assert lost.data == SIP


def tshark(**layers: Any) -> dict[str, Any]:
    common = {
        "frame": {"frame.time_epoch": "99.250000000", "frame.number": "7"},
        "ip": {"ip.src": A.host, "ip.dst": B.host},
    }
    return {"_source": {"layers": {**common, **layers}}}


def test_tshark_without_the_bytes_of_packets() -> None:
    head, _, _ = SIP.decode().partition("\r\n\r\n")
    start, _, lines = head.partition("\r\n")
    lines = lines.replace("Content-Length: 0", f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}")
    names = {
        "v": "version",
        "o": "owner",
        "s": "session_name",
        "c": "connection_info",
        "t": "time",
        "m": "media",
        "a": "media_attr",
    }
    sdp = {f"sdp.{names[line[0]]}": line[2:] for line in SDP.split("\r\n") if line}
    sip = {"sip.Request-Line": start, "sip.msg_hdr": lines + "\r\n", "sip.msg_body": {"sdp": sdp}}
    document = [tshark(tcp={"tcp.srcport": "5060", "tcp.dstport": "5062", "tcp.payload": "zz"}, sip=sip)]
    (record,) = records_of(document)
    assert record.data == f"{start}\r\n{lines}\r\n\r\n{SDP}".encode()
    assert (record.source, record.destination, record.transport, record.at, record.line) == (A, B, "TCP", 99.25, 7)


def test_our_own_form_with_what_is_missing_or_nonsense() -> None:
    whole = {
        "message": SIP.decode(),
        "at": "nan",
        "clock": "lunar",
        "direction": "up",
        "source": 5,
        "repairs": [1, "x"],
    }
    bad = [{"message_base64": "=="}, {}, None, {"message": 5}]
    (record,) = records_of({"format": "sipclient trace", "messages": [*bad, whole]})
    assert (record.data, record.clock, record.direction, record.source, record.repairs) == (
        SIP,
        "",
        "",
        NOWHERE,
        ("x",),
    )
    assert record.line == 5


@pytest.mark.parametrize("document", [[], {}, {"a": [1, 2]}, [[[[]]]], {"log": None}])
def test_json_that_is_no_trace(document: Any) -> None:
    with pytest.raises(TraceError, match="holds no SIP message"):
        records_of(document)


def test_json_that_is_too_much() -> None:
    with pytest.raises(TraceError, match="JSON of more than 32 MB: give the capture it was made from"):
        read(b"[" + b" " * (33 << 20) + b"]")
    nested: Any = 1
    for _ in range(90):
        nested = [nested]
    with pytest.raises(TraceError, match="holds no SIP message"):
        records_of(nested)


def test_tables_with_other_marks_and_columns() -> None:
    text = SIP.decode().replace("\r\n", "\\r\\n")
    for mark in (";", "\t"):
        head = mark.join(("time_stamp", "time_us", "from_ip", "to_ip", "msg", "direction"))
        row = mark.join(
            ("2026-01-02 03:04:05", "250000", "tcp:192.0.2.1:5060", "tcp:192.0.2.2:5062", f'"{text}"', "in")
        )
        (record,) = read(f"{head}\n{row}\n".encode()).records
        assert (record.data, record.source, record.destination) == (SIP, A, B)
        assert (record.direction, record.transport, record.at % 1) == ("received", "TCP", 0.25)


def test_sql_with_columns_named_and_quotes_doubled() -> None:
    body = build.message("INFO", body=b"it's\r\n").decode().replace("'", "''").replace("\r\n", "\\r\\n")
    rows = f"('udp:192.0.2.1:5060','{body}','udp:192.0.2.2:5062'),(NULL,'x',5);"
    statement = f'INSERT INTO "sip_trace" (fromip, msg, toip) VALUES\n{rows}\n'
    (record,) = read(f"-- dump\n{statement}{statement[:40]}".encode()).records
    assert record.data == build.message("INFO", body=b"it's\r\n") and record.source == A


def test_a_csv_that_is_damaged() -> None:
    with pytest.raises(TraceError, match="damaged as CSV"):
        read(b'fromip,toip,msg\na,b,"' + b"x" * 300_000 + b'"\n')
