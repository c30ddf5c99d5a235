"""Whatever is typed or received: a value, or the error that is documented."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.protocol.events import FlowClosed, Packet
from sipclient.transport.addresses import parse_bind
from sipclient.transport.certificates import mismatch
from sipclient.transport.dns import pinned
from sipclient.transport.limits import DEFAULT
from sipclient.transport.locate import Srv, order_srv, parse_server, services
from sipclient.transport.stream import Stream

SCHEMES = st.sampled_from(["", "udp:", "tls:", "sip:", "sips:", "ws://", "wss://", "sip:a@", "[", "udp:["])
TEXT = st.text(max_size=60) | st.text(alphabet="a1.:[]%@;=/?-transportmaddrudptls", max_size=60)


@given(SCHEMES, TEXT)
def test_any_server_setting_is_a_server_or_a_value_error(scheme: str, text: str) -> None:
    try:
        server = parse_server(scheme + text)
    except ValueError as error:
        assert str(error)
    else:
        assert server.host
        assert 0 < server.likely_port <= 65535
        services(server)


@given(TEXT)
def test_any_local_setting_is_an_address_or_a_value_error(text: str) -> None:
    try:
        _, port = parse_bind(text)
    except ValueError as error:
        assert str(error)
    else:
        assert 0 <= port <= 65535


@given(st.text(max_size=200), st.text(max_size=20))
def test_any_hosts_file(text: str, name: str) -> None:
    assert all(isinstance(address, str) for address in pinned(text, name))


NAMES = st.tuples(st.sampled_from(["DNS", "URI", "IP Address", "email"]), st.text(max_size=30))


@given(st.lists(NAMES, max_size=5), st.text(max_size=30))
def test_any_certificate_is_matched_or_refused(alternatives: list[tuple[str, str]], name: str) -> None:
    assert isinstance(mismatch({"subjectAltName": tuple(alternatives)}, name), str)


SRV = st.builds(Srv, st.integers(0, 3), st.integers(0, 65535), st.integers(0, 65535), st.sampled_from(["", "a", "b"]))


@given(st.lists(SRV, max_size=12), st.randoms(use_true_random=False))
def test_srv_order_keeps_every_usable_record_and_the_priorities(records: list[Srv], source: Any) -> None:
    ordered = order_srv(records, lambda most: source.randint(0, most))
    assert [record.priority for record in ordered] == sorted(record.priority for record in ordered)
    usable = sorted((record for record in records if record.target and record.port), key=repr)
    assert sorted(ordered, key=repr) == usable


class _Transport(asyncio.Transport):
    """A connection to nobody."""

    closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 5060), "sockname": ("192.0.2.2", 5060)}.get(name)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


class _Owner:
    def __init__(self) -> None:
        self.inputs: list[Any] = []
        self.deliver = self.inputs.extend

    def next_serial(self) -> int:
        return 1

    def stream_opened(self, stream: Stream) -> None:
        pass

    def stream_closed(self, stream: Stream) -> None:
        pass


MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nl: 2\r\n\r\nhi"
PIECES = st.lists(st.binary(max_size=20) | st.sampled_from([MESSAGE, b"\r\n", b"\r\n\r\n", MESSAGE[:9]]), max_size=12)


@settings(max_examples=200)
@given(PIECES)
def test_any_bytes_on_a_stream_are_messages_or_its_end(pieces: list[bytes]) -> None:
    async def run() -> list[Any]:
        owner = _Owner()
        stream = Stream(owner, "tcp", DEFAULT)
        transport = _Transport()
        stream.connection_made(transport)
        for piece in pieces:
            stream.data_received(piece)
        aborted = transport.closing
        stream.connection_lost(None)
        assert isinstance(owner.inputs[-1], FlowClosed)
        assert ("broke the framing" in owner.inputs[-1].reason) == aborted
        return owner.inputs[:-1]

    packets = asyncio.run(run())
    assert all(isinstance(packet, Packet) and packet.data for packet in packets)
    sent = b"".join(pieces)
    assert sum(len(packet.data) for packet in packets) <= len(sent) + 2 * sent.count(b"\r\n\r\n")
