"""rtpengine in user space on loopback: what stands between a Kamailio's users."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from interop.processes import HOST, Child, free_port, lacking, need


class Rtpengine:
    """One media proxy, told what to do over its control port."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        command = [need("rtpengine"), "--foreground", "--log-stderr", "--table=-1", f"--interface={HOST}"]
        command += [f"--listen-ng={HOST}:{self.port}", f"--pidfile={directory / 'rtpengine.pid'}"]
        self._child = Child(command, directory / "rtpengine.log", directory=directory)
        time.sleep(0.2)
        if not self._child.running:
            lacking(f"rtpengine does not run here: {self._child.tail()}")
        self._child.wait_ready(self._answers)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            probe.sendto(b"ready d7:command4:pinge", (HOST, self.port))
            try:
                return b"pong" in probe.recv(200)
            except OSError:
                return False

    @property
    def log(self) -> str:
        """The end of its log."""
        return self._child.tail()

    def stop(self) -> None:
        """End it."""
        self._child.stop()
