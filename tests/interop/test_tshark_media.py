"""What tshark reads in our RTP and RTCP is what we meant, and it counts losses and jitter as we do."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
from interop.processes import need

from sipclient.media.engine import RtpEngine
from sipclient.media.rtcp import report
from sipclient.media.xr import Extended
from tests.media.virtual import VirtualLoop, numbers
from tests.media.wire import End, Tone, agreement, bad_network

pytestmark = pytest.mark.interop

RTP, RTCP = 4000, 4001
WARNING = 0x600000  # of tshark's severities: chat, note, warning, error


class Tap:
    """Writes what arrives at an end as a capture of UDP packets."""

    def __init__(self, end: End, loop: VirtualLoop, file: Path) -> None:
        self._loop = loop
        self._file = file
        self._records = [struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]  # 101: raw IP
        arrive = end.wire.come

        def come(data: bytes, kind: int = 0) -> bool:
            self._write(data, RTCP if kind else RTP)
            return arrive(data, kind)

        end.wire.come = come  # type: ignore[method-assign]

    def _write(self, data: bytes, port: int) -> None:
        udp = struct.pack("!HHHH", port, port, 8 + len(data), 0) + data
        address = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
        packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0xB8, 20 + len(udp), 0, 0, 64, 17, 0, *address) + udp
        seconds = int(self._loop.now)
        micros = int((self._loop.now - seconds) * 1e6)
        self._records.append(struct.pack("!IIII", seconds, micros, len(packet), len(packet)) + packet)

    def tshark(self, *arguments: str) -> list[list[str]]:
        """Its lines, in columns."""
        self._file.write_bytes(b"".join(self._records))
        decode = [
            "-d",
            f"udp.port=={RTP},rtp",
            "-d",
            f"udp.port=={RTCP},rtcp",
            "-o",
            "rtpevent.event_payload_type_value:101",
        ]
        command = [need("tshark"), "-r", str(self._file), *decode, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def fields(self, only: str, *names: str) -> list[list[str]]:
        """These fields of the packets that the filter leaves."""
        wanted = [word for name in names for word in ("-e", name)]
        return self.tshark("-Y", only, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", *wanted)


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def test_nothing_in_a_call_is_malformed(loop: VirtualLoop, tmp_path: Path) -> None:
    """Sound, keys short and long, reports of a sender and of a listener, extended ones, and goodbye."""
    engine = RtpEngine(loop, numbers)
    a = End(engine, agreement())
    b = a.to(End(RtpEngine(loop, lambda bits: 77), agreement()))
    a.wire.delay = lambda: 0.01
    tap = Tap(b, loop, tmp_path / "call.pcap")
    a.stream.source = Tone(440)
    loop.run_for(2)
    a.stream.press("5#", 0.1)
    loop.run_for(1)
    a.stream.press("A", 10)
    loop.run_for(12)
    a.wire.come(report(77, "peer", None, (), Extended(77, reference_time=5.5)), 1)
    loop.run_for(10)
    a.stream.close()
    loop.run_for(0.1)
    for severity, message in tap.fields("_ws.expert", "_ws.expert.severity", "_ws.expert.message"):
        assert all(int(each, 0) < WARNING for each in severity.split("|")), message
    assert tap.fields("_ws.malformed", "frame.number") == []
    kinds = {kind for (row,) in tap.fields("rtcp", "rtcp.pt") for kind in row.split("|")}
    assert kinds == {"200", "202", "203", "207"}
    blocks = {kind for (row,) in tap.fields("rtcp.xr.bt", "rtcp.xr.bt") for kind in row.split("|")}
    assert blocks == {"5", "7"}
    events = tap.fields(
        "rtpevent", "rtpevent.event_id", "rtpevent.end_of_event", "rtpevent.duration", "rtp.timestamp", "rtp.marker"
    )
    assert [event for event, *_ in events].count("5") == 7
    assert sum(end in ("1", "True") for _, end, *_ in events) == 9
    assert sum(marker in ("1", "True") for *_, marker in events) == 3
    long = [(int(duration), int(stamp)) for event, _, duration, stamp, _ in events if event == "12"]
    assert len({stamp for _, stamp in long}) == 2 and max(duration for duration, _ in long) == 0xFFFF


def test_it_counts_as_we_do(loop: VirtualLoop, tmp_path: Path) -> None:
    """Losses, and the jitter of RFC 3550 appendix A.8, through a bad network."""
    a = End(RtpEngine(loop, numbers), agreement())
    b = a.to(End(RtpEngine(loop, lambda bits: 77), agreement()))
    a.wire.delay = bad_network(4, 0.05, 0.015)  # less than a packet: tshark takes what comes out of order for lost
    tap = Tap(b, loop, tmp_path / "loss.pcap")
    a.stream.source = Tone(440)
    loop.run_for(30)
    (row,) = [line for (line,) in tap.tshark("-q", "-z", "rtp,streams") if "0x80000000" in line]
    found = re.search(r"(\d+)\s+(-?\d+) \(\d[\d.]*%\)", row)
    assert found is not None
    stats = b.stream.stats
    assert (int(found[1]), int(found[2])) == (stats.received, stats.lost)
    assert stats.lost > 50
    lowest, mean, highest = (float(each) for each in row.split()[-4:-1])
    assert lowest <= 1000 * stats.jitter <= highest
    assert 1000 * stats.jitter == pytest.approx(mean, rel=0.3)
