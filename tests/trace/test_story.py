"""Messages put together: hosts, copies, requests with answers, and calls that are legs of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipclient.trace import Record, Scan, Trace, read, story
from sipclient.trace.legs import groups, legs
from sipclient.trace.story import gather, tell
from sipclient.trace.vendors import vendor_of
from tests.trace.scene import again, audio, say, trace

TRACES = Path(__file__).parents[2] / "sip_traces"
INVITE = "INVITE sip:7000@pbx.example.com"


def test_requests_have_their_answers_and_acks() -> None:
    given = tell(trace(
        say(1.0, "phone>pbx", INVITE, cseq="1 INVITE"),
        say(1.1, "pbx>phone", "SIP/2.0 401 Unauthorized", cseq="1 INVITE", tags="f,t"),
        say(1.2, "phone>pbx", "ACK sip:7000@pbx.example.com", cseq="1 ACK", branch="c1.1INVITE", tags="f,t"),
        say(1.3, "phone>pbx", INVITE, cseq="2 INVITE"),
        say(1.4, "pbx>phone", "SIP/2.0 180 Ringing", cseq="2 INVITE", tags="f,t"),
        say(1.5, "pbx>phone", "SIP/2.0 200 OK", cseq="2 INVITE", tags="f,t"),
        say(1.6, "phone>pbx", "ACK sip:7000@192.0.2.2", cseq="2 ACK", branch="another", tags="f,t"),
    ))  # fmt: skip
    (call,) = given.calls
    first, second = call.of("INVITE")
    assert [each.status for each in first.answers] == [401]
    assert [each.status for each in second.answers] == [180, 200]
    assert (first.ack and first.ack.number, second.ack and second.ack.number) == (3, 7)
    assert call.kind == "INVITE"


def test_a_cancel_is_an_exchange_of_its_own_with_the_same_branch() -> None:
    given = tell(trace(
        say(1.0, "phone>pbx", INVITE, branch="b"),
        say(1.1, "phone>pbx", "CANCEL sip:7000@pbx.example.com", cseq="1 CANCEL", branch="b"),
        say(1.2, "pbx>phone", "SIP/2.0 200 OK", cseq="1 CANCEL", branch="b", tags="f,t"),
        say(1.3, "pbx>phone", "SIP/2.0 487 Request Terminated", branch="b", tags="f,t"),
    ))  # fmt: skip
    invite, cancel = given.calls[0].exchanges
    assert invite.final is not None
    assert cancel.final is not None
    assert (invite.final.status, cancel.final.status) == (487, 200)


def test_copies_are_folded_and_packets_that_were_captured_twice_are_none() -> None:
    invite = say(1.0, "phone>pbx", INVITE)
    given = tell(trace(invite, again(invite, 1.0002), again(invite, 1.5), again(invite, 200.0)))
    assert [(each.number, each.copies, each.last) for each in given.entries] == [(1, 1, 1.5), (4, 0, 200.0)]
    assert given.seen_twice == 1


def test_a_description_in_a_part_of_a_body_and_the_lines_it_stands_on() -> None:
    body = "--x\r\nContent-Type: application/sdp\r\n\r\n" + audio(formats="0").replace("\n", "\r\n") + "\r\n--x--\r\n"
    entry = tell(trace(say(1.0, "phone>pbx", INVITE, "Content-Type: multipart/mixed;boundary=x", body=body))).entries[0]
    assert entry.sdp is not None
    (media,) = entry.sdp.media
    assert entry.line(entry.sdp_line(media.line)) == "m=audio 4000 RTP/AVP 0"
    assert (entry.sdp_line(0), entry.line(0), entry.line(999)) == (0, "", "")
    assert (entry.line_of("t"), entry.line_of("Subject")) == (4, 0)


def test_makes_are_told_by_name_session_and_headers() -> None:
    def make(*headers: str, sdp: str = "") -> str:
        return vendor_of(tell(trace(say(1, "pbx>phone", "SIP/2.0 200 OK", *headers, sdp=sdp))).entries[0]).name

    assert make("Server: kamailio (5.8.0)") == "Kamailio"
    assert make(sdp=audio().replace("s=-", "s=Asterisk")) == "Asterisk"
    assert make(sdp=audio().replace("s=-", "s=FreeSWITCH")) == "FreeSWITCH"
    assert make("Allow-Events: talk, hold, conference, refer") == "FreeSWITCH"
    assert make('Remote-Party-ID: "a" <sip:a@b>;party=calling;privacy=off;screen=no') == "FreeSWITCH"
    assert make("Server: something else") == ""


def test_hosts_are_told_apart_by_ports_only_where_they_must_be() -> None:
    there = tell(trace(say(1.0, "phone:5070>pbx", INVITE))).entries[0]
    assert (there.source, there.target) == ("192.0.2.1", "192.0.2.2")
    here = tell(trace(say(1.0, "127.0.0.1:5070>127.0.0.1", INVITE))).entries[0]
    assert (here.source, here.target) == ("127.0.0.1:5070", "127.0.0.1:5060")


def test_a_paste_without_cseq_and_with_its_answer_first() -> None:
    given = tell(read(TRACES / "damaged" / "forum-thread.txt"))
    (exchange,) = given.calls[0].exchanges
    assert exchange.request is not None
    assert exchange.final is not None
    assert (exchange.request.number, exchange.final.number, exchange.final.method) == (2, 1, "INVITE")
    assert exchange.final.target == exchange.request.source == "0kpqr9eqgf8o.invalid"


def test_who_wrote_it_is_known_by_habit_where_the_name_is_changed() -> None:
    by_reason = tell(read(TRACES / "damaged" / "forum-thread.txt")).entries[0]
    assert (vendor_of(by_reason).name, vendor_of(by_reason).called) == ("FreeSWITCH", "Jio")
    by_nonce = tell(read(TRACES / "asterisk" / "codec-mismatch-488.pcap")).entries[8]
    assert vendor_of(by_nonce).name == "Asterisk"
    assert str(vendor_of(tell(trace(say(1, "phone>pbx", INVITE))).entries[0])) == "the peer"


def two_legs(*headers: str, sdp: str = "", other: str = "", at: float = 1.2, to: str = "7000") -> Trace:
    return trace(
        say(1.0, "phone>pbx", INVITE, sdp=sdp),
        say(at, "pbx>trunk", f"INVITE sip:{to}@trunk.example.com", *headers, call="c2", sdp=other),
    )


def links(given: Trace) -> list[tuple[str, str, str]]:
    return [(each.first, each.second, each.confidence) for each in legs(tell(given))]


def test_legs_by_header() -> None:
    given = trace(say(1.0, "phone>pbx", INVITE, call="a-long-call-id"),
                  say(9.0, "pbx>trunk", INVITE, "X-CID: a-long-call-id", call="c2"))  # fmt: skip
    assert links(given) == [("a-long-call-id", "c2", "high")]
    session = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=0"
    given = trace(say(1.0, "phone>pbx", INVITE, session), say(9.0, "pbx>trunk", INVITE, session, call="c2"))
    assert links(given) == [("c1", "c2", "high")]
    same = "X-Ticket: 2026-11-26-0815"
    given = trace(say(1.0, "phone>pbx", INVITE, same), say(9.0, "pbx>trunk", INVITE, same, call="c2"))
    assert links(given) == [("c1", "c2", "medium")]


def test_legs_by_their_session_description() -> None:
    one = audio(formats="0").replace("4711", "8465964380331798740")
    assert links(two_legs(sdp=one, other=one, at=99.0)) == [("c1", "c2", "medium")]
    ice = audio("a=ice-ufrag:abcd", "a=fingerprint:sha-256 AB", formats="0")
    assert links(two_legs(sdp=ice, other=ice, at=99.0)) == [("c1", "c2", "high")]


def test_legs_by_time_and_number() -> None:
    assert links(two_legs()) == [("c1", "c2", "medium")]
    assert links(two_legs(to="8000")) == [("c1", "c2", "low")]  # the caller alone
    assert links(two_legs(at=20.0)) == []
    assert [each.because for each in legs(tell(two_legs()))] == [
        "0.2 s later the host that was called calls on, with the same called and caller"
    ]


def test_links_in_a_circle_and_thousands_of_calls_alike_are_bounded() -> None:
    ids = [f"call-id-number-{number}" for number in range(3000)]
    given = trace(*(
        say(number * 0.001, "phone>pbx", INVITE, f"X-Next: {ids[(number + 1) % 3000]}", call=call)
        for number, call in enumerate(ids)
    ))  # fmt: skip
    told = tell(given)
    found = legs(told)
    assert len(found) < 10 * len(ids)
    assert len(set(groups(told, found).values())) == 1


def test_of_a_huge_trace_the_first_messages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"\n\n".join(say(0, "phone>pbx", INVITE, call=f"c{number}").data for number in range(30))
    monkeypatch.setattr(story, "MOST_MESSAGES", 10)
    given = gather(Scan(text))
    assert len(given.records) == 10
    assert "of 30 messages the first 10 are looked at" in given.notes


def test_bytes_that_are_no_message_are_counted() -> None:
    told = tell(trace(Record(b"INVITE sip:x SIP/2.0\r\nno header\r\n\r\n"), say(1, "phone>pbx", INVITE)))
    assert (told.unread, len(told.entries)) == (1, 1)
