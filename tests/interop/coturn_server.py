"""coturn as a STUN and TURN server of its own, on loopback."""

from __future__ import annotations

import socket
from pathlib import Path

from interop.processes import HOST, Child, free_port, need

USER, PASSWORD = "robot", "relayed"


def answers_stun(port: int) -> bool:
    """Whether something at that UDP port answers a Binding request (RFC 8489 §6)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        probe.sendto(bytes.fromhex("000100002112a442") + b"sipclient..!", (HOST, port))
        try:
            return probe.recv(2048)[:2] == b"\x01\x01"
        except OSError:
            return False


class Coturn:
    """A TURN server of its own, on loopback."""

    def __init__(self, directory: Path) -> None:
        binary, self.port = need("turnserver"), free_port(run=2)
        log = directory / "turn.log"
        arguments = [
            *(binary, "-n", "--log-file", "stdout", "--no-cli", "--no-tls", "--no-dtls", "--no-multicast-peers"),
            *("--listening-ip", HOST, "--relay-ip", HOST, "--listening-port", str(self.port)),
            *("--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--realm", "test", "--allow-loopback-peers"),
            *("--pidfile", str(directory / "turn.pid"), "--userdb", str(directory / "turn.db")),
        ]
        self._child = Child(arguments, log, directory=directory)
        self._child.wait_ready(lambda: answers_stun(self.port))

    @property
    def url(self) -> str:
        """Its URL, without a transport."""
        return f"turn:{HOST}:{self.port}"

    def stop(self) -> None:
        self._child.stop()
