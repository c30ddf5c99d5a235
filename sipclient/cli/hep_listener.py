"""HEP from the network: what agents (Kamailio, FreeSWITCH, Asterisk, captagent) send is a trace that goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from sipclient.errors import InvalidValue, ListenFailed
from sipclient.trace import Record, hep
from sipclient.trace.packets import record_of
from sipclient.trace.places import place

SCHEME = "hep:"
_PORT = 9060
_LARGEST = 65535
_PATIENCE = 0.2  # seconds between two looks at whether to stop
_LAST = 10_000  # packets that are still taken when told to stop


class HepListener:
    """Listens on UDP and is iterated over like a file that is read, until it is told to stop.

    Whatever is no HEP, or holds no SIP, is counted in `notes` and passed over.
    """

    form = "HEP3 from the network"

    def __init__(self, where: str) -> None:
        self.notes: list[str] = []
        self._stopped = False
        _, address = place(where.removeprefix(SCHEME))
        if not address.host:
            raise InvalidValue(f"{where}: what to listen on is written hep:ADDRESS:PORT")
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((address.host, address.port or _PORT))
        except OSError as error:
            self._socket.close()
            raise ListenFailed(f"{where} cannot be listened on: {(error.strerror or str(error)).lower()}") from None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        number: int = self._socket.getsockname()[1]
        return number

    def stop(self) -> None:
        """Take what has arrived, and no more."""
        self._stopped = True

    def __iter__(self) -> Iterator[Record]:
        number = passed = after = 0
        self._socket.settimeout(_PATIENCE)
        try:
            while after < _LAST:
                try:
                    packet = self._socket.recv(_LARGEST)
                except TimeoutError:
                    if self._stopped:
                        break
                    continue
                number += 1
                after += self._stopped
                capture = hep.decode(packet)
                record = record_of(capture, number) if capture is not None else None
                if record is None:
                    passed += 1
                else:
                    yield record
        finally:
            self._socket.close()
            if passed:
                self.notes.append(f"{passed} of {number} packets were no HEP with SIP in it")
