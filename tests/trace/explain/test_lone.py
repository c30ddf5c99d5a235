"""A session description without its message: refused as a trace, explained as an offer."""

from __future__ import annotations

from typing import Any

import pytest

from sipclient.cli.main import main
from sipclient.errors import LoneDescription
from sipclient.trace import read
from sipclient.trace.explain.lone import explain_description

OFFER = """v=0
o=- 8465964380331798740 2 IN IP4 127.0.0.1
s=-
t=0 0
m=audio 52245 RTP/AVP 0
c=IN IP4 192.0.2.1
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_it_is_no_trace_and_says_who_looks_at_it(end: str) -> None:
    text = OFFER.replace("\n", end)
    with pytest.raises(LoneDescription, match=r"^the trace is a session description without the SIP message") as caught:
        read(text.encode())
    assert caught.value.description == text


def test_a_sound_offer_has_no_findings() -> None:
    assert explain_description(OFFER).findings == ()


def test_what_speaks_against_an_offer_stands_on_its_line() -> None:
    (finding,) = explain_description(OFFER.replace("IP4 192.0.2.1", "IP4")).findings
    assert (finding.id, finding.message, finding.line, finding.quote) == ("offer-refused", 0, 6, "c=IN IP4")
    assert "the c= line has no address" in finding.evidence


def test_what_cannot_be_read_is_a_finding_too() -> None:
    (finding,) = explain_description(OFFER.replace("m=audio 52245", "m=audio x")).findings
    assert finding.line == 5 and finding.quote == "m=audio x RTP/AVP 0"


def test_explain_takes_it_from_the_command_line(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "offer.sdp"
    path.write_text(OFFER.replace("IP4 192.0.2.1", "IP4"))
    with pytest.raises(SystemExit) as left:
        main(["explain", str(path)])
    assert left.value.code == 1
    shown = capsys.readouterr().out
    assert shown.startswith("session description, 0 messages") and "   line 6\n" in shown
