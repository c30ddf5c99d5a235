"""Bridges calls until it is killed. Arguments: the contestant, the loop (uvloop, asyncio), how many calls.

`floor` is no RTP at all: a socket is read, twelve bytes are written anew, another socket is written. `PCMU-PCMA`
and the like name the codecs of both sides; with `srtp:` before them the left side is encrypted. Reads the ports of
the peers as one line of JSON, one for each side of each call, and answers with its own.
"""

import asyncio
import gc
import json
import socket
import sys

from sipclient.media import PacketTransport, RtpEngine, RtpStream, UdpTransport
from sipclient.media.rtp import pack_header, unpack_header
from sipclient.media.srtp import SrtpTransport
from sipclient.sdp import CN, G722, OPUS, PCMA, PCMU, AudioStream, Codec, CryptoKey, Direction

HOST = "127.0.0.1"
KEY = CryptoKey(1, "AES_CM_128_HMAC_SHA1_80", bytes(range(30)))  # of everybody, both ways
CODECS = {
    "PCMU": (0, PCMU),
    "PCMA": (8, PCMA),
    "G722": (9, G722),
    "opus": (111, OPUS),
    "L16": (96, Codec("L16", 16_000)),
}


def agreement(name: str, port: int) -> AudioStream:
    """A call in that codec, to a peer at that port."""
    number, codec = CODECS[name]
    receives = ((number, codec), (13, CN))
    rtcp = (HOST, port ^ 1)
    return AudioStream(codec, number, None, receives, Direction.SENDRECV, 20, HOST, port, *rtcp)


def bridge(loop: asyncio.AbstractEventLoop, names: list[str], encrypted: bool, peers: list[int]) -> list[int]:
    """Two streams of ours for each call, bridged; the ports they listen on."""
    engine = RtpEngine(loop)
    streams, ports = [], []
    for n, peer in enumerate(peers):
        transport = UdpTransport(loop, engine.open_ports(HOST, (0, 0)))
        transport.direct((HOST, peer), (HOST, peer ^ 1))
        carrier: PacketTransport = transport
        if encrypted and n % 2 == 0:
            carrier = SrtpTransport(transport)
            carrier.rekey(KEY, KEY)
        stream = RtpStream(engine, carrier)
        stream.agree(agreement(names[n % 2], peer))
        streams.append(stream)
        ports.append(transport.port)
    for left, right in zip(streams[::2], streams[1::2], strict=True):
        left.relay_to(right)
        right.relay_to(left)
    return ports


def floor(loop: asyncio.AbstractEventLoop, peers: list[int]) -> list[int]:
    """The same traffic with nothing that RTP asks for."""
    sockets = []
    for _ in peers:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((HOST, 0))
        bound.setblocking(False)
        sockets.append(bound)

    def forward(source: socket.socket, target: socket.socket, to: tuple[str, int]) -> None:
        data, _ = source.recvfrom(2048)
        flags, kind, sequence, timestamp, ssrc = unpack_header(data)
        target.sendto(pack_header(flags, kind, sequence, timestamp, ssrc) + data[12:], to)

    for n, bound in enumerate(sockets):
        loop.add_reader(bound.fileno(), forward, bound, sockets[n ^ 1], (HOST, peers[n ^ 1]))
    return [bound.getsockname()[1] for bound in sockets]


async def serve(contestant: str) -> None:
    loop = asyncio.get_running_loop()
    peers: list[int] = json.loads(sys.stdin.readline())
    secured, _, names = contestant.rpartition(":")
    ports = floor(loop, peers) if contestant == "floor" else bridge(loop, names.split("-"), bool(secured), peers)
    gc.collect()
    gc.freeze()
    print(f"ports {json.dumps(ports)}", flush=True)
    await asyncio.Event().wait()


def main(contestant: str, loop: str) -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(serve(contestant))
    else:
        asyncio.run(serve(contestant))


if __name__ == "__main__":
    main(*sys.argv[1:3])
