"""Kamailio as the PBX: digest registrar, presence and dialog-info server, proxy."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from interop.processes import HOST, Child, answers_options, fill, free_port, lacking, need

from sipclient import Account

CONFIGURATION = Path(__file__).parent / "kamailio"
DATABASE = Path("/usr/share/kamailio/dbtext/kamailio")  # empty tables, shipped with the server
MODULES = "/usr/lib/*/kamailio/modules"
PASSWORD = "correct horse"
PLAIN = "battery"  # of the callers 2001 to 2004: baresip reads none with a space
DOMAIN = "pbx.test"


class Kamailio:
    """One server on ports of its own. The queue is 7000, the phone 1001; both are where SIPp listens."""

    def __init__(
        self,
        directory: Path,
        engine: int = 0,
        to_called: str = "",
        to_caller: str = "",
        *,
        phone: int = 0,
        queue: int = 0,
        busy_to_robot: bool = False,
    ) -> None:
        """`phone` and `queue` are the ports of those, where not free ones. `engine` is the port of an rtpengine that
        media go through; the flags say what each side gets of it. `busy_to_robot`: it answers for a busy 1001."""
        self.binary = need("kamailio")
        modules = ("presence", "presence_dialoginfo", "pua_dialoginfo", "tls", "websocket")
        for module in (*modules, *(("rtpengine",) if engine else ())):
            if not any(Path("/").glob(f"{MODULES[1:]}/{module}.so")):
                lacking(f"the module {module} of kamailio is not installed here")
        self.directory = directory
        self.port = free_port()
        secure = free_port()
        self.ports = {"udp": self.port, "tcp": self.port, "ws": self.port, "tls": secure, "wss": secure}
        self.queue = queue or free_port()
        self.phone = phone or free_port()
        self.certificate = directory / "certificate.pem"
        self._child: Child | None = None
        self._defined = [*(["WITH_RTPENGINE"] if engine else []), *(["WITH_BUSY_TO_ROBOT"] if busy_to_robot else [])]
        self._engine = {"ENGINE": engine, "TO_CALLED": to_called, "TO_CALLER": to_caller} if engine else {}
        self._write()

    def _write(self) -> None:
        shutil.copytree(DATABASE, self.directory / "db")
        subprocess.run(
            [
                need("openssl"),
                *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={DOMAIN}"),
                *("-addext", f"subjectAltName=DNS:{DOMAIN},IP:{HOST}"),
                *("-keyout", str(self.directory / "key.pem"), "-out", str(self.certificate)),
            ],
            check=True,
            capture_output=True,
        )
        words = {
            "DIR": self.directory,
            "UDP": self.port,
            "TLS": self.ports["tls"],
            "QUEUE": self.queue,
            "PHONE": self.phone,
            "PASSWORD": PASSWORD,
            "PLAIN": PLAIN,
            **self._engine,
        }
        for name in ("kamailio.cfg", "tls.cfg"):
            fill(CONFIGURATION / name, words, self.directory / name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self.binary, "-f", "kamailio.cfg", "-w", str(self.directory), "-Y", str(self.directory)]
        command += [word for each in self._defined for word in ("-A", each)]
        self._child = Child(
            [*command, "-DD", "-E", "-m", "64", "-M", "8"], self.directory / "kamailio.log", directory=self.directory
        )
        self._child.wait_ready(lambda: answers_options(self.port))

    def kill(self) -> None:
        """As a power cut does it: nobody is told, nothing is kept."""
        self._stop(signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        self._stop(signal.SIGTERM)

    def _stop(self, how: signal.Signals) -> None:
        if self._child is not None:
            self._child.stop(how)
            self._child = None

    def account(self, transport: str = "udp", **more: Any) -> Account:
        """The robot's account here."""
        secure = transport in ("tls", "wss")
        return Account(
            f"sip:robot@{DOMAIN}",
            password=PASSWORD,
            server=f"{transport}:{HOST}:{self.ports[transport]}",
            tls_ca=str(self.certificate) if secure else "",
            **more,
        )

    @property
    def log(self) -> str:
        """The end of its log."""
        return self._child.tail() if self._child is not None else ""
