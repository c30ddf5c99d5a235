"""Whom a caller called, by whatever header the PBX says so."""

from __future__ import annotations

import pytest

from sipclient.message import Request, parse
from sipclient.robot.called import called

ROWS = [
    # Request-URI, To, further headers, whom
    ("sip:1001@127.0.0.1", "sip:x@pbx", "", "1001"),
    ("sip:robot@127.0.0.1", "sip:1001@pbx", "", "1001"),
    ("sip:robot@127.0.0.1", "sip:robot@pbx", "", "robot"),
    ("sip:127.0.0.1", "tel:+49301001", "", "+49301001"),
    ("sip:robot@127.0.0.1", "sip:robot@pbx", "Diversion: <sip:1001@pbx>;reason=user-busy, <sip:1000@pbx>\r\n", "1001"),
    (
        "sip:robot@127.0.0.1",
        "sip:robot@pbx",
        "History-Info: <sip:1001@pbx>;index=1, <sip:robot@127.0.0.1>;index=1.1\r\n",
        "1001",
    ),
    ("sip:robot@127.0.0.1", "sip:robot@pbx", "Diversion: <<<\r\n", "robot"),
    ("sip:robot@127.0.0.1", "sip:robot@pbx", "Diversion: <urn:service:sos>\r\n", "robot"),
    (f"sip:{'1' * 500}@127.0.0.1", "sip:robot@pbx", "", "1" * 256),
]


@pytest.mark.parametrize(("uri", "to", "more", "whom"), ROWS)
def test_called(uri: str, to: str, more: str, whom: str) -> None:
    request = parse(
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:555@pbx>;tag=f\r\n"
        f"To: <{to}>\r\nCall-ID: c@x\r\nCSeq: 1 INVITE\r\n{more}Content-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(request, Request)
    assert called(request, "robot") == whom
