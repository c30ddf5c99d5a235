"""Messages as arrows between people, and how they are drawn."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sipclient.cli.arrows import Ladder
from sipclient.lab.wiretap import PBX, Arrow, Wiretap
from sipclient.protocol.events import Flow

FLOW = Flow("udp", "127.0.0.1", 5060, "127.0.0.1", 40001)
PIDF = '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="a"><note>Ringing</note></presence>'


def message(start: str, *headers: str, body: str = "", method: str = "") -> bytes:
    method = method or start.split()[0]
    lines = [
        start,
        "Via: SIP/2.0/UDP 127.0.0.1:40001;branch=z9hG4bK1",
        'From: "Ext 1001" <sip:1001@x>;tag=a',
        "To: <sip:robot@x>",
        "Call-ID: c",
        f"CSeq: 1 {method}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


AUTH = 'Authorization: Digest username="x"'


def tap(**options: bool) -> Wiretap:
    wiretap = Wiretap(("robot", PBX), **options)
    registered = wiretap.hear(message("REGISTER sip:x SIP/2.0", AUTH), FLOW, 1.0, sent=False)
    assert registered == Arrow(1.0, "robot", PBX, "REGISTER", "digest", 0)
    return wiretap


@pytest.mark.parametrize(
    ("data", "sent", "words"),
    [
        (message("REGISTER sip:x SIP/2.0", AUTH, "Expires: 0"), False, "REGISTER leaves"),
        (message("INVITE sip:7000@x SIP/2.0", AUTH), False, "INVITE 7000"),
        (message("INVITE sip:robot@x SIP/2.0"), True, 'INVITE "Ext 1001" <1001>'),
        (message("SUBSCRIBE sip:1@x SIP/2.0", AUTH, "Event: dialog"), False, "SUBSCRIBE dialog"),
        (message("SUBSCRIBE sip:1@x SIP/2.0", AUTH, "Event: dialog", "Expires: 0"), False, "SUBSCRIBE ends"),
        (
            message("NOTIFY sip:1@x SIP/2.0", "Content-Type: application/pidf+xml", body=PIDF),
            True,
            "NOTIFY ringing",
        ),
        (message("NOTIFY sip:1@x SIP/2.0", "Content-Type: text/odd", body="?"), True, "NOTIFY"),
        (message("BYE sip:1@x SIP/2.0"), True, "BYE"),
        (message("SIP/2.0 180 Ringing", method="INVITE"), False, "180 Ringing (INVITE)"),
    ],
)
def test_arrows(data: bytes, sent: bool, words: str) -> None:
    wiretap = tap()
    arrow = wiretap.hear(data, FLOW, 2.0, sent=sent)
    assert arrow is not None and f"{arrow.label} {arrow.detail}".strip() == words
    assert (arrow.source, arrow.target) == ((PBX, "robot") if sent else ("robot", PBX))
    assert wiretap.hear(data, FLOW, 2.5, sent=sent) is None  # a retransmission


NOISE = [
    (message("SIP/2.0 100 Trying", method="INVITE"), True),
    (message("SIP/2.0 401 Unauthorized", method="REGISTER"), True),
    (message("SIP/2.0 200 OK", method="NOTIFY"), False),
    (message("ACK sip:1@x SIP/2.0"), False),
    (message("OPTIONS sip:1@x SIP/2.0"), False),
    (message("INVITE sip:1@x SIP/2.0"), False),
]


@pytest.mark.parametrize(("data", "sent"), NOISE)
def test_noise_is_left_out_unless_asked_for(data: bytes, sent: bool) -> None:
    assert tap().hear(data, FLOW, 2.0, sent=sent) is None
    assert tap(everything=True).hear(data, FLOW, 2.0, sent=sent) is not None


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"nonsense", b"SIP/2.0 OK\r\n\r\n"])
def test_what_is_no_message(data: bytes) -> None:
    assert tap(everything=True).hear(data, FLOW, 2.0, sent=False) is None


def test_strangers_are_not_drawn() -> None:
    other = Flow("udp", "127.0.0.1", 5060, "127.0.0.1", 40002)
    assert tap().hear(message("BYE sip:1@x SIP/2.0"), other, 2.0, sent=False) is None


def drawn(*arrows: Arrow, encoding: str = "utf-8") -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    ladder = Ladder(Console(file=out), {"a": "1001", PBX: "PBX", "c": "robot", "d": "agent"}, 1.0)
    ladder.head()
    for arrow in arrows:
        ladder.draw(arrow)
    out.flush()
    out.seek(0)
    return out.read().splitlines()


def test_the_drawing() -> None:
    lines = drawn(
        Arrow(1.5, "a", PBX, "INVITE 7000", "", 0),
        Arrow(1.6, PBX, "a", "200 OK", "(SUBSCRIBE or longer)", 200),
        Arrow(1.7, PBX, "d", "INVITE", '"Ext 1001 is free" <1001>', 0),
        Arrow(1.8, "d", PBX, "x" * 99, "", 486),
    )
    assert lines[1:] == [
        " 0.500    │─── INVITE 7000 ───▶│                    │                    │",
        " 0.600    │◀────── 200 OK ─────│                    │                    │",
        ' 0.700    │                    │─── INVITE "Ext 1001 is free" <1001> ───▶│',
        f" 0.800    │                    │◀{'x' * 40}│",
    ]
    assert {len(line) for line in lines[1:]} == {74}
    assert drawn(Arrow(1.5, PBX, "a", "BYE", "", 0), encoding="ascii")[1].startswith(" 0.500    |<------- BYE")
