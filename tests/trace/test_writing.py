"""Traces written and read back: the same call, in every form that is written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sipclient.trace import NOWHERE, Address, Record, TraceError, read, write
from sipclient.trace.writing import WRITERS, label
from tests.trace import build

CALL = read(Path(__file__).parents[2] / "sip_traces" / "formats" / "call.pcap").records
NAMES = {
    "pcapng": "pcapng",
    "text": "sngrep text",
    "hep": "HEP3",
    "mermaid": "Mermaid diagram",
    "json": "JSON of sipclient",
}


def again(records: list[Record] | tuple[Record, ...], form: str) -> tuple[Record, ...]:
    return read(b"".join(write(records, form))).records


@pytest.mark.parametrize("form", WRITERS)
def test_the_same_call_comes_back(form: str) -> None:
    made = b"".join(write(CALL, form))
    assert read(made).format == f"{NAMES[form]}, 10 messages"
    back = read(made).records
    assert [(record.data, record.source, record.destination) for record in back] == [
        (record.data, record.source, record.destination) for record in CALL
    ]
    assert [record.at for record in back] == pytest.approx([record.at for record in CALL], abs=1e-6)
    assert [record.repairs for record in back] == [()] * 10


@pytest.mark.parametrize("form", ["pcapng", "hep", "json"])
@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
def test_the_transport_comes_back_where_the_form_knows_it(form: str, transport: str) -> None:
    sent = [msgspec.structs.replace(record, transport=transport) for record in CALL]
    back = again(sent, form)
    assert [record.data for record in back] == [record.data for record in CALL]
    if (form, transport) != ("hep", "WS"):  # an IP protocol is all that HEP has
        assert {record.transport for record in back} == {transport}


@pytest.mark.parametrize("form", WRITERS)
def test_what_is_not_known_stays_unknown(form: str) -> None:
    sip = build.message()
    (record,) = again([Record(sip, direction="received")], form)
    assert (record.data, record.source, record.destination) == (sip, NOWHERE, NOWHERE)


def test_json_keeps_everything() -> None:
    ends = Address("a.example", 443), Address("2001:db8::1", 5060)
    repairs, missing = ("curly quotes made straight",), ("the header From",)
    data, other = build.message(body=b"\xff\xfe"), build.message()
    whole = Record(data, 12.5, "day", "sent", "WSS", *ends, repairs, other, missing, 1)
    assert again([whole], "json") == (whole,)


@pytest.mark.parametrize("form", WRITERS)
def test_ipv6(form: str) -> None:
    sip = build.message()
    ends = Address("2001:db8::1", 5060), Address("2001:db8::2", 5061)
    for transport in ("UDP", "TCP"):
        (record,) = again([Record(sip, 1.0, "wall", "", transport, *ends)], form)
        assert (record.source, record.destination) == ends


def test_hosts_that_are_names_are_named_in_a_capture() -> None:
    made = b"".join(write([Record(build.message(), source=Address("pbx.example.com", 5060))], "pcapng"))
    assert b"pbx.example.com\0" in made
    assert read(made).records[0].source == Address("198.18.0.1", 5060)


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
def test_large_messages_in_a_capture(transport: str) -> None:
    sip = build.message(body=b"x" * 100_000)
    ends = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
    assert [record.data for record in again([Record(sip, 1.0, "wall", "", transport, *ends)] * 2, "pcapng")] == [
        sip,
        sip,
    ]
    with pytest.raises(TraceError, match="too long for HEP3"):
        b"".join(write([Record(sip)], "hep"))


def test_a_form_that_is_not_there() -> None:
    with pytest.raises(TraceError, match="no form 'docx' to write; there are pcapng, text"):
        write(CALL, "docx")


def test_a_diagram_has_an_arrow_for_every_message() -> None:
    text = b"".join(write(CALL, "mermaid")).decode()
    assert text.startswith(
        "sequenceDiagram\n    participant h1 as 192.0.2.10:5060\n    participant h2 as 203.0.113.5:5060\n"
    )
    arrows = [line.strip() for line in text.split("\n") if line.startswith("    h")]
    assert arrows[0] == "h1->>h2: INVITE" and arrows[1] == "h2-->>h1: 407 Proxy Authentication Required (INVITE)"
    assert len(arrows) == 10


def test_labels_of_what_is_hardly_sip() -> None:
    assert label(Record(b"INVITE sip:a@b SIP/2.0\r\nno header\r\n\r\n")) == "INVITE sip:a@b"


def test_ends_of_two_families_and_an_unknown_one() -> None:
    sip = build.message()
    mixed = Record(sip, 1.0, "wall", "", "UDP", Address("192.0.2.1", 5060), Address("2001:db8::2", 5060))
    half = Record(sip, 1.0, "wall", "", "UDP", NOWHERE, Address("2001:db8::2", 5060))
    one, other = again([mixed, half], "pcapng")
    assert one.source == Address("::ffff:192.0.2.1", 5060) or one.source == Address("::ffff:c000:201", 5060)
    assert (other.source, other.destination) == (NOWHERE, Address("2001:db8::2", 5060))
