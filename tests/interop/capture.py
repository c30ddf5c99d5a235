"""A capture of the loopback interface, and what tshark makes of the SIP in it."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import msgspec
from interop.processes import HOST, Child, free_port, lacking, need
from interop.waiting import until

FIELDS = (
    "udp.srcport",
    "tcp.srcport",
    "sip.Request-Line",
    "sip.Status-Line",
    "sip.Call-ID",
    "sip.CSeq",
    "sip.from.tag",
    "sip.Via.branch",
    "_ws.malformed",
    "_ws.expert.severity",
    "_ws.expert.message",
)
WARNING = 0x600000  # of tshark's severities: chat, note, warning, error


class Frame(msgspec.Struct, frozen=True):
    """One frame with SIP in it, as tshark reads it: the values of each field, for a segment may hold several messages.

    `trouble` is what it calls malformed, or warns of.
    """

    port: int
    starts: tuple[str, ...]
    call_ids: tuple[str, ...]
    cseqs: tuple[str, ...]
    tags: tuple[str, ...]
    branches: tuple[str, ...]
    trouble: tuple[str, ...]


class Capture:
    """Loopback, from `start` to `stop`."""

    def __init__(self, directory: Path) -> None:
        self._tshark = need("tshark")
        self._dumpcap = need("dumpcap")
        self._directory = directory
        self._file = directory / "lo.pcapng"
        self._child: Child | None = None

    async def start(self) -> None:
        """Begin, and wait until packets are really written."""
        command = [self._dumpcap, "-q", "-i", "lo", "-w", str(self._file), "-f", "udp or tcp"]
        self._child = Child(command, self._directory / "dumpcap.log", directory=self._directory)
        await self._until_written(b"is anybody listening?")

    async def finish(self) -> None:
        """Wait until all that was sent so far is in the file (the kernel hands packets over in blocks), and end it."""
        await self._until_written(b"that was all")
        self.stop()

    async def _until_written(self, mark: bytes) -> None:
        port = free_port()

        def written() -> bool:
            if self._child is None or not self._child.running:
                lacking(f"capturing is not permitted here: {self._child.tail(300) if self._child else ''}")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.sendto(mark, (HOST, port))
            return self._file.exists() and mark in self._file.read_bytes()

        await until(written, "dumpcap writes packets")

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.stop(signal.SIGINT)
            self._child = None

    def frames(self, ports: Iterable[tuple[str, int]]) -> list[Frame]:
        """Every frame with SIP that came from or went to these ports (`udp` or `tcp`)."""
        decode = [word for kind, port in sorted(set(ports)) for word in ("-d", f"{kind}.port=={port},sip")]
        wanted = [word for name in FIELDS for word in ("-e", name)]
        form = ["-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", "-E", "occurrence=a"]
        command = [self._tshark, "-r", str(self._file), "-Y", "sip", *decode, *form, *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return [_frame(line.split("\t")) for line in done.stdout.splitlines()]


def _frame(values: list[str]) -> Frame:
    udp, tcp, requests, statuses, call_ids, cseqs, tags, branches, malformed, severities, words = (
        tuple(each for each in value.split("|") if each) for value in values
    )
    warnings = [word for level, word in zip(severities, words, strict=True) if int(level, 0) >= WARNING]
    return Frame(int((udp or tcp)[0]), (*requests, *statuses), call_ids, cseqs, tags, branches, (*malformed, *warnings))
