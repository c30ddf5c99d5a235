"""Ladders: what is drawn, and how, in characters, as a picture, as a page, and as Mermaid."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sipclient.trace import Record, Trace, read
from sipclient.trace.explain import explain
from sipclient.trace.ladder import page, picture, sequence, sheet, terminal
from sipclient.trace.ladder.arrows import ASCII, UNICODE, across, heads, signs_for
from sipclient.trace.ladder.sheet import hidden
from sipclient.trace.story import tell
from sipclient.trace.summary import detail, label
from tests.trace.explain.test_beyond import DIALOG, PIDF, notify, stream
from tests.trace.scene import again, audio, say, trace

TRACES = Path(__file__).parents[3] / "sip_traces"
INVITE = "INVITE sip:7000@pbx.example.com"
SVG = "{http://www.w3.org/2000/svg}"


def talk() -> Trace:
    """A call through a PBX, with sound, a pause and a copy."""
    invite = say(1.0, "phone>pbx", INVITE, "User-Agent: Phone 1", sdp=audio("a=sendonly", formats="0 8"))
    return trace(
        invite,
        again(invite, 1.5),
        say(1.6, "pbx>trunk", INVITE, "X-From: c1-is-the-one", sdp=audio(formats="0"), call="c2"),
        say(1.7, "trunk>pbx", "SIP/2.0 486 Busy Here", tags="f,t", call="c2"),
        say(4.0, "pbx>phone", "SIP/2.0 200 OK", tags="f,t", sdp=audio(formats="0", address="192.0.2.2", port=5000)),
        say(4.1, "pbx>pbx", "OPTIONS sip:192.0.2.2", call="c3"),
        streams=(stream("192.0.2.1:4000", "192.0.2.2:5000"),),
    )


def lines(given: Trace, width: int = 100, signs: object = UNICODE) -> list[str]:
    chosen = ASCII if signs is ASCII else UNICODE
    return ["".join(text for text, _ in each).rstrip() for each in terminal(sheet(given), width, chosen)]


def test_the_sheet_has_hosts_messages_pauses_and_sound() -> None:
    drawn = sheet(talk())
    assert [(each.name, each.subtitle) for each in drawn.columns] == [
        ("192.0.2.1", "Phone 1"), ("192.0.2.2:5060", ""), ("192.0.2.3", "")
    ]  # fmt: skip
    assert [(each.number, each.label, each.copies, each.tone) for each in drawn.rows] == [
        (1, "INVITE 7000", 1, "request"),
        (0, "RTP PCMU", 0, "sound"),
        (3, "INVITE 7000", 0, "request"),
        (4, "486 Busy Here", 0, "failure"),
        (0, "2.3 s", 0, "request"),
        (5, "200 OK", 0, "success"),
        (6, "OPTIONS", 0, "request"),
    ]
    assert [(each.letter, each.outcome, len(each.call_ids)) for each in drawn.groups] == [
        ("A", "200 OK", 2), ("B", "no final answer", 1)
    ]  # fmt: skip
    assert drawn.groups[0].links[0].confidence == "medium"


def test_descriptions_and_events_in_a_few_words() -> None:
    def words(record: Record) -> str:
        return detail(tell(trace(record)).entries[0])

    assert words(say(1, "phone>pbx", INVITE, sdp=audio("a=sendonly", formats="0 8 101"))) == (
        "PCMU PCMA at 192.0.2.1:4000 sendonly"
    )
    ice = audio("a=ice-ufrag:a", "a=candidate:1 1 udp 1 192.0.2.1 4 typ host", "a=fingerprint:x", formats="111")
    assert words(say(1, "phone>pbx", INVITE, sdp=ice)) == "opus at 192.0.2.1:4000 DTLS ICE×1"
    assert words(say(1, "phone>pbx", INVITE, sdp=audio(formats="0", port=0))) == "audio refused"
    assert words(say(1, "phone>pbx", INVITE, sdp="v=0\nbroken")) == "an SDP that cannot be read"
    assert words(notify(1, 1, PIDF.format("On the phone"), "presence")) == "presence active on-the-phone"
    assert words(notify(1, 1, DIALOG.format(0, "early"), "dialog")) == "dialog active early"
    assert words(notify(1, 1, "<oops", "dialog")) == "dialog active a body that cannot be read"
    assert words(say(1, "phone>pbx", "REGISTER sip:pbx", "Expires: 0")) == "ends it"
    assert words(say(1, "phone>pbx", "REFER sip:7000@pbx", "Refer-To: <sip:8000@pbx>")) == "to <sip:8000@pbx>"
    assert words(say(1, "pbx>phone", "SIP/2.0 401 Unauthorized")) == "asks for credentials"
    bye = tell(trace(say(1, "pbx>phone", "SIP/2.0 200 OK", cseq="2 BYE"))).entries[0]
    assert label(bye) == "200 OK (BYE)"


def test_a_terminal_gets_columns() -> None:
    told = lines(talk(), 110)
    assert told[0] == "pcap, 6 messages"
    assert "  A  INVITE 1001 → 7000 (2 legs): 200 OK" in told
    (invite,) = [each for each in told if each.startswith("    1 ")]
    assert re.fullmatch(r"    1     0\.000 A   │─+ INVITE 7000 ×2 ─+▶│ +│", invite)
    (busy,) = [each for each in told if "486" in each]
    assert re.fullmatch(r"    4     0\.700 A   │ +│◀─+ 486 Busy Here ─+│", busy)
    assert any("↻ OPTIONS" in each for each in told)
    assert any("... 2.3 s ..." in each for each in told)
    assert max(map(len, told)) <= 110


@pytest.mark.parametrize("width", [10, 40, 52, 60, 80, 100, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    for given in (talk(), read(TRACES / "freeswitch" / "01-register-subscribe-call.pcap")):
        assert max(map(len, lines(given, width))) <= max(40, width)


def test_where_columns_do_not_fit_there_is_a_list() -> None:
    told = lines(talk(), 50)
    assert "    1     0.000 A  INVITE 7000 ×2" in told
    assert "      192.0.2.1 ─▶ 192.0.2.2:5060" in told


def test_a_terminal_without_unicode_gets_ascii() -> None:
    shown = "\n".join(lines(read(TRACES / "asterisk" / "webrtc-incoming.pcap"), 90, ASCII))
    assert "|" in shown
    assert "--->|" in shown
    assert not set("│─▶◀") & set(shown)
    assert (signs_for("UTF-8"), signs_for("ascii")) == (UNICODE, ASCII)


def test_arrows_pass_over_columns_and_keep_what_fits() -> None:
    places = [2, 12, 22]
    assert "".join(text for text, _ in across(0, places, 0, 2, "long words here, far too long", "INVITE", ASCII)) == (
        "  |----- INVITE ----->|"
    )
    assert "".join(text for text, _ in across(0, places, 1, 0, "x" * 30, "OPTIONS", ASCII)) == "  |<OPTIONS-|         |"
    assert heads(places, ["a", "bb", "ccc"]) == "  a        bb        ccc"


def test_a_picture_is_well_formed_and_needs_nothing_from_outside() -> None:
    text = picture(sheet(talk()))
    root = ElementTree.fromstring(text)
    words = [each.text for each in root.iter(f"{SVG}text")]
    for wanted in ("INVITE 7000 ×2", "486 Busy Here", "RTP PCMU", "⋯ 2.3 s ⋯", "PCMU PCMA at 192.0.2.1:4000 sendonly"):
        assert wanted in words
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"(?:href|src)=\"(?!#)|url\(|@import", text)


def test_a_picture_is_as_high_as_its_rows_and_no_text_leaves_it() -> None:
    drawn = sheet(read(TRACES / "freeswitch" / "02-queue.txt"))
    root = ElementTree.fromstring(picture(drawn))
    height, width = float(root.attrib["height"]), float(root.attrib["width"])
    for each in root.iter(f"{SVG}text"):
        assert 0 < float(each.attrib["y"]) < height
        assert 0 < float(each.attrib["x"]) < width


def test_of_a_very_long_trace_the_picture_has_the_first_rows() -> None:
    given = trace(*(say(number, "phone>pbx", INVITE, call=f"c{number}") for number in range(2100)))
    assert "the first 2000 of" in picture(sheet(given))
    assert "the first 500 rows of 2100 messages" in sequence(sheet(given))


def test_hosts_beyond_a_dozen_share_a_column() -> None:
    given = trace(*(say(number, f"198.51.100.{number}>pbx", INVITE, call=f"c{number}") for number in range(1, 40)))
    drawn = sheet(given)
    assert len(drawn.columns) == 12
    assert drawn.columns[-1].name == "other hosts"


def test_a_page_holds_the_picture_the_calls_the_findings_and_every_message() -> None:
    given = read(TRACES / "freeswitch" / "04-488-example-private-candidate.txt")
    text = page(sheet(given), given, explain(given).findings)
    assert text.count("<details ") == 4
    assert 'href="#m3"' in text
    assert 'id="m3"' in text
    assert "None of the ICE candidates is one the server may use" in text
    assert "apply-candidate-acl" in text
    assert not re.search(r"(?:href|src)=\"(?!#)|url\(|@import", text)
    ElementTree.fromstring(re.sub(r".*?(<svg .*?</svg>).*", r"\1", text, count=1, flags=re.S))


def test_what_a_peer_writes_harms_no_page() -> None:
    evil = '"><script>alert(1)</script>'
    given = trace(
        say(1, "phone>pbx", INVITE, f"User-Agent: {evil}", f"Reason: SIP;text={evil}", call=evil.replace(" ", ""))
    )
    drawn = sheet(given)
    assert "<script>alert" not in page(drawn, given, explain(given).findings)
    assert "<script>alert" not in picture(drawn)
    ElementTree.fromstring(picture(drawn))
    assert "script" not in sequence(drawn).replace("script alert(1) /script", "")


def test_mermaid_has_participants_and_messages() -> None:
    assert sequence(sheet(talk())).splitlines() == [
        "sequenceDiagram",
        "    participant h0 as 192.0.2.1<br/>Phone 1",
        "    participant h1 as 192.0.2.2:5060",
        "    participant h2 as 192.0.2.3",
        "    h0->>h1: INVITE 7000 ×2",
        "    Note over h0,h1: PCMU PCMA at 192.0.2.1:4000 sendonly",
        "    h0--)h1: RTP PCMU",
        "    Note over h0,h1: 500 packets, 0 lost, jitter 1.0 ms, 9.8 s",
        "    h1->>h2: INVITE 7000",
        "    Note over h1,h2: PCMU at 192.0.2.1:4000",
        "    h2-->>h1: 486 Busy Here",
        "    Note over h0,h2: 2.3 s later",
        "    h1-->>h0: 200 OK",
        "    Note over h0,h1: PCMU at 192.0.2.2:5000",
        "    h1->>h1: OPTIONS",
    ]


def test_what_is_shown_to_others_names_nobody() -> None:
    given = hidden(talk())
    text = page(sheet(given), given)
    for secret in ("7000", "1001", "pbx.example.com"):
        assert secret not in re.sub(r"#\w+|\d{4}px", "", text)
    assert [str(each.source) for each in given.streams] != [str(each.source) for each in talk().streams]
    assert any(each.tone == "sound" for each in sheet(given).rows)


def test_an_empty_trace_is_an_empty_ladder() -> None:
    empty = Trace("pcap", ())
    assert sheet(empty).rows == ()
    assert lines(empty)[0] == "pcap, 0 messages"
    ElementTree.fromstring(picture(sheet(empty)))
    assert sequence(sheet(empty)) == "sequenceDiagram\n"
    assert hidden(empty).records == ()


def test_the_picture_in_the_docs_is_what_is_drawn() -> None:
    shown = (TRACES.parent / "docs" / "images" / "ladder.svg").read_text()
    assert shown == picture(sheet(hidden(read(TRACES / "asterisk" / "webrtc-incoming.pcap"))))
