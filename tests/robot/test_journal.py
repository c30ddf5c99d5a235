"""What the log says, and what it never says."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest

from sipclient.protocol.events import Flow, FlowClosed, Packet, Send
from sipclient.robot import Journal, told
from sipclient.robot.journal import LibraryLog
from sipclient.robot.masked import first_line, whole

AT = datetime(2026, 3, 2, 12, 0, 0, 1000, tzinfo=UTC)
FLOW = Flow("udp", "192.0.2.1", 5060, "2001:db8::1", 5060)
REGISTER = (
    b"REGISTER sip:pbx.example.com SIP/2.0\r\nCall-ID: 1\r\n"
    b'Authorization: Digest username="robot",\r\n\tresponse="0123456789abcdef",\r\n cnonce="feed"\r\n'
    b'proxy-authorization : Digest response="beef"\r\nContent-Length: 0\r\n\r\n'
)


def journal(form: str = "text", verbosity: int = 0) -> tuple[Any, Any]:
    out = io.StringIO()
    return Journal(out, form, verbosity, lambda: AT), out  # type: ignore[arg-type]


def test_readable_lines() -> None:
    log, out = journal()
    log.tell(told.Stopped())
    log.tell(told.CallRinging("q/pbx/1001/1", 180, "Ringing"))
    first, second = out.getvalue().splitlines()
    assert first[4] == "-" and first[23:] == " = stopped"
    assert second[23:] == " < 180 Ringing (q/pbx/1001/1)"


def test_json_lines() -> None:
    log, out = journal("json")
    log.tell(told.CallRinging("q/pbx/1001/1", 180, "Ringing\n"))
    assert out.getvalue().startswith('{"at":"2026-03-02T12:00:00.001+00:00","event":"call-ringing",')
    assert json.loads(out.getvalue()) == {
        "at": "2026-03-02T12:00:00.001+00:00",
        "event": "call-ringing",
        "job": "q/pbx/1001/1",
        "status": 180,
        "reason": "Ringing\n",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobodys_terminal_obeys_a_stranger(form: str) -> None:
    log, out = journal(form)
    log.tell(told.CallRinging("job", 180, "\x1b[2Jgone\x07\x9b\r\x00\nand a line"))
    text = out.getvalue()
    assert not any(character < " " for character in text.replace("\n", ""))
    assert form == "json" or "\x9b" not in text
    assert form == "json" or (text.count("\n") == 2 and "\n    and a line" in text)


def test_no_credentials() -> None:
    log, out = journal(verbosity=2)
    log.sent(Send(FLOW, REGISTER))
    log.received(Packet(FLOW, REGISTER.replace(b"\r\n", b"\n")))
    text = out.getvalue()
    for secret in ("0123456789abcdef", "feed", "beef", "robot"):
        assert secret not in text
    assert text.count("Authorization: ***") == 2 and text.count("proxy-authorization : ***") == 2
    assert text.count("Content-Length: 0") == 2
    assert " > udp:[2001:db8::1]:5060 REGISTER sip:pbx.example.com SIP/2.0\n    Call-ID: 1" in text


def test_first_lines_only() -> None:
    log, out = journal(verbosity=1)
    log.sent(Send(FLOW, REGISTER))
    log.sent(Send(FLOW, b"\r\n\r\n"))
    log.received(FlowClosed(FLOW, "over"))
    log.received(Packet(FLOW, b"\xff\xfe nonsense"))
    assert [line[24:] for line in out.getvalue().splitlines()] == [
        "> udp:[2001:db8::1]:5060 REGISTER sip:pbx.example.com SIP/2.0",
        "< udp:[2001:db8::1]:5060 \\xff\\xfe nonsense",
    ]


def test_masking_takes_no_time_whatever_the_input() -> None:
    hostile = b"Authorization: " + b"\r\n \t" * 20_000 + b"x"
    assert len(whole(hostile)) < 200
    assert first_line(b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\nX: y") == "OPTIONS sip:a SIP/2.0"
    assert whole(b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^31") == (
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***"
    )


def test_the_librarys_own_warnings() -> None:
    log, out = journal()
    logger = logging.getLogger("sipclient.test_journal")
    logger.addHandler(LibraryLog(log))
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.debug("nothing")
    logger.warning("not read for %s", "long")
    assert out.getvalue()[23:] == " = warning: not read for long\n"


def test_whoever_read_the_log_may_go() -> None:
    log, out = journal()
    out.close()
    log.tell(told.Stopped())
    log.flush()


class Out(io.StringIO):
    """Remembers what it was given at once, and how often it was flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.flushes = 0

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)

    def flush(self) -> None:
        self.flushes += 1


async def test_in_a_loop_the_lines_of_a_turn_are_one_write() -> None:
    out = Out()
    log = Journal(out, "text", 0, lambda: AT)
    for status in (180, 181, 182):
        log.tell(told.CallRinging("job", status, ""))
    assert out.writes == [] and out.flushes == 0
    await asyncio.sleep(0)
    assert [line[26:29] for line in out.writes[0].splitlines()] == ["180", "181", "182"]
    assert len(out.writes) == out.flushes == 1
    log.tell(told.Stopped())
    await asyncio.sleep(0)
    assert len(out.writes) == out.flushes == 2


async def test_another_thread_waits_for_no_end_of_a_turn() -> None:
    """The last words of a robot whose loop a hook keeps to itself: the process ends without another turn."""
    out = Out()
    log = Journal(out, "text", 0, lambda: AT)
    log.tell(told.CallRinging("job", 180, ""))
    other = Thread(target=log.tell, args=(told.Stopped(),))
    other.start()
    other.join()
    assert [line[24:29] for line in out.getvalue().splitlines()] == ["< 180", "= sto"]
    log.tell(told.Stopped())
    await asyncio.sleep(0)
    assert out.getvalue().count("\n") == 3


def test_every_kind_of_news_has_words_and_a_name() -> None:
    for kind in told.Told.__subclasses__():
        fields = kind.__annotations__
        samples = {"int": 1, "str": "x", "bool": False, "float": 2.0, "tuple[str, ...]": ("x",)}
        values = [samples[fields[name]] for name in kind.__struct_fields__]
        news = kind(*values)
        assert news.words() and news.mark in "<>="
        log, out = journal("json")
        log.verbosity = 1
        log.tell(news)
        event = json.loads(out.getvalue())["event"]
        assert event == event.lower() and "_" not in event
