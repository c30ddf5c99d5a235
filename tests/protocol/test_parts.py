"""Descriptions inside multipart bodies: RFC 5621 §3.1."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.protocol.events import Answer, Answered, IncomingCall, Invite, MessageReceived

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
ISUP = (
    b"Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x01\r\n"
)
WITH_ISUP = b"--x\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--x\r\n" + ISUP + b"--x--\r\n"
MIXED = 'multipart/mixed;boundary="x"'


def nested(body: bytes, levels: int) -> bytes:
    for level in range(levels):
        mark = b"n%d" % level
        inner = b"x" if level == 0 else b"n%d" % (level - 1)
        head = b"Content-Type: multipart/mixed;boundary=" + inner + b"\r\n\r\n"
        body = b"--" + mark + b"\r\n" + head + body + b"\r\n--" + mark + b"--\r\n"
    return body


def invite(bench, body: bytes, content_type: str) -> list[int]:
    bench.add(register=False)
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=body, content_type=content_type)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    return [response.status for response in bench.pbx.responses("INVITE")]


def test_an_offer_that_came_with_isup_is_an_offer(bench) -> None:
    assert invite(bench, WITH_ISUP, MIXED) == [100]
    (call,) = bench.robot.of(IncomingCall)
    assert (call.request.body, call.request.content_type) == (SDP, "application/sdp")
    bench.robot.do(Answer(call.id, body=SDP))


@pytest.mark.parametrize(("levels", "status"), [(1, 100), (4, 100), (5, 415)])
def test_it_may_lie_a_few_levels_deep(bench, levels, status) -> None:
    assert invite(bench, nested(WITH_ISUP, levels), f"multipart/mixed;boundary=n{levels - 1}") == [status]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--x\r\n" + ISUP + b"--x--\r\n", MIXED),
        (nested(b"--x\r\n" + ISUP + b"--x--\r\n", 1), "multipart/mixed;boundary=n0"),
        (WITH_ISUP, "multipart/mixed"),
        (b"nothing of the kind", MIXED),
    ],
)
def test_one_without_a_description_is_refused(bench, body, content_type) -> None:
    assert invite(bench, body, content_type) == [415]


def test_an_answer_in_parts_is_an_answer(bench) -> None:
    def handler(request):
        answer = bench.pbx.reply(request, 200, CONTACT, body=WITH_ISUP)
        return [answer.replace(b"application/sdp\r\nContent-Length", MIXED.encode() + b"\r\nContent-Length")]

    bench.pbx.handler = transaction_free(handler)
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    assert bench.robot.of(Answered)[0].body == SDP


def test_other_messages_keep_their_parts(bench) -> None:
    bench.add(register=False)
    data = bench.pbx.request("MESSAGE", "sip:robot@10.0.0.2", body=WITH_ISUP, content_type=MIXED)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    assert bench.robot.of(MessageReceived)[0].message.body == WITH_ISUP
