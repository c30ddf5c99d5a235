"""Requests inside a dialog whose next hop has several addresses: RFC 3263 §4.3."""

from __future__ import annotations

import pytest
from support.peer import Peer, transaction_free

from sipclient.protocol.events import CallEnded, Hangup, InCallResponded, Invite, SendInCall, Target

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Clustered:
    """A call whose other end is a name with three addresses: nobody at the first, the test's peers at the others."""

    def __init__(self, bench, transport: str = "udp") -> None:
        self.bench = bench
        hosts = ("10.0.0.3", "10.0.0.4", "10.0.0.5")
        uri = "sip:queue@cluster.test" + (";transport=tcp" if transport == "tcp" else "")
        bench.wire.names[uri] = tuple(Target(transport, host, 5060) for host in hosts)
        self.second, self.third = Peer(bench.wire, "10.0.0.4"), Peer(bench.wire, "10.0.0.5")
        bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200, ("Contact", f"<{uri}>"))])
        bench.add(register=False)
        bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
        bench.wire.run(0.1)

    def take(self, peer: Peer, status: int = 200) -> None:
        peer.handler = transaction_free(lambda r: [peer.reply(r, status)] if r.method != "ACK" else [])


def test_silence_moves_it_to_the_next_address(bench) -> None:
    call = Clustered(bench)
    call.take(call.second)
    bench.robot.do(Hangup(1))
    bench.wire.run(31)
    assert not call.second.requests("BYE")
    bench.wire.run(2)
    (bye,) = call.second.requests("BYE")
    first = bench.robot.requests("BYE")[0]
    assert bye.via.branch.encode() not in first
    assert bench.robot.of(CallEnded)[0].by == "local"
    assert not call.third.requests("BYE")


def test_a_503_does_too(bench) -> None:
    bench.wire.names["sip:queue@cluster.test"] = ()
    call = Clustered(bench)
    bench.wire.names["sip:queue@cluster.test"] = tuple(Target("udp", f"10.0.0.{n}", 5060) for n in (4, 5))
    call.take(call.second, 503)
    call.take(call.third)
    bench.robot.do(SendInCall(1, 9, "INFO"))
    bench.wire.run(1)
    assert [event.status for event in bench.robot.of(InCallResponded)] == [200]
    assert len(call.second.requests("INFO")) == len(call.third.requests("INFO")) == 1


def test_a_refused_connection_does_too(bench) -> None:
    call = Clustered(bench, "tcp")
    call.take(call.second)
    bench.robot.do(SendInCall(1, 9, "INFO"))
    bench.wire.run(1)
    assert [event.status for event in bench.robot.of(InCallResponded)] == [200]
    assert call.second.requests("ACK")


@pytest.mark.parametrize("answers", [(503, 503), (503, 0)])
def test_where_none_takes_it_the_last_one_tells(bench, answers) -> None:
    call = Clustered(bench)
    bench.wire.names["sip:queue@cluster.test"] = tuple(Target("udp", f"10.0.0.{n}", 5060) for n in (4, 5))
    for peer, status in zip((call.second, call.third), answers, strict=True):
        if status:
            call.take(peer, status)
    bench.robot.do(SendInCall(1, 9, "INFO"))
    bench.wire.run(40)
    assert [event.status for event in bench.robot.of(InCallResponded)] == [answers[1] or 408]


def test_the_end_of_the_call_ends_the_search(bench) -> None:
    call = Clustered(bench)
    bench.wire.names["sip:queue@cluster.test"] = (Target("udp", "10.0.0.4", 5060), Target("tcp", "10.0.0.9", 5060))
    call.take(call.second, 503)
    bench.robot.do(SendInCall(1, 9, "INFO"))
    bench.wire.run(0.025)
    bench.robot.do(Hangup(1))
    bench.wire.run(100)
    assert len(bench.robot.requests("INFO")) == 1
    assert bench.robot.agent.idle


def test_where_the_others_cannot_be_connected_to_either_that_is_told(bench) -> None:
    call = Clustered(bench)
    bench.wire.names["sip:queue@cluster.test"] = (Target("udp", "10.0.0.4", 5060), Target("tcp", "10.0.0.9", 5060))
    call.take(call.second, 503)
    bench.robot.do(SendInCall(1, 9, "INFO"))
    bench.wire.run(1)
    (responded,) = bench.robot.of(InCallResponded)
    assert responded.status == 503
    assert "cannot be reached" in responded.reason
