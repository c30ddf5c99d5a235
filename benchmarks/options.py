"""OPTIONS answered over UDP: CPU time of the answering process for each, ours against aiosipua's."""

from __future__ import annotations

import socket
import sys
from statistics import median

from procs import SUFFIX, Process, contestants, script, spread

CONTESTANTS = contestants("sipclient", "sipclient-uvloop", "sipclient-uvloop-compiled", "aiosipua")
WINDOW = 64  # requests under way at once: the server is never idle
PATIENCE = 5.0  # seconds


class Asker:
    """Sends OPTIONS as another agent would, each in a transaction and call of its own."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port: int = self.socket.getsockname()[1]
        self._sent = 0

    def request(self, port: int) -> bytes:
        """The next request."""
        self._sent += 1
        unique = f"{self._sent:08x}"
        lines = [
            f"OPTIONS sip:bench@127.0.0.1:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK776asdhds{unique};rport",
            "Max-Forwards: 70",
            f"To: <sip:bench@127.0.0.1:{port}>",
            f'From: "Alice" <sip:alice@127.0.0.1:{self.port}>;tag=1928301774{unique}',
            f"Call-ID: a84b4c76e66710{unique}@127.0.0.1",
            f"CSeq: {63104 + self._sent} OPTIONS",
            f"Contact: <sip:alice@127.0.0.1:{self.port}>",
            "Accept: application/sdp",
            "User-Agent: bench",
            "Content-Length: 0",
            "",
            "",
        ]
        return "\r\n".join(lines).encode()

    def ask(self, port: int, count: int) -> None:
        """`count` OPTIONS, each answered with 200. Raises TimeoutError or ValueError where one is not."""
        address, under_way = ("127.0.0.1", port), 0
        requests = [self.request(port) for _ in range(count)]
        while requests or under_way:
            while requests and under_way < WINDOW:
                self.socket.sendto(requests.pop(), address)
                under_way += 1
            answer = self.socket.recv(65535)
            if not answer.startswith(b"SIP/2.0 200 "):
                raise ValueError(f"not the answer: {answer[:60]!r}")
            under_way -= 1


def measure(count: int, rounds: int) -> dict[str, list[float]]:
    """CPU µs of each contestant for one OPTIONS, in turns."""
    asker = Asker()
    servers: dict[str, Process] = {}
    found: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    try:
        for name in CONTESTANTS:
            compiled = name.endswith(SUFFIX)
            servers[name] = script("options_server.py", name.removesuffix(SUFFIX), asker.port, compiled=compiled)
        ports = {name: int(server.hear("port")) for name, server in servers.items()}
        for port in ports.values():
            asker.ask(port, count // 10 + 1)
        for _ in range(rounds):
            for name, server in servers.items():
                before = server.cpu()
                asker.ask(ports[name], count)
                found[name].append((server.cpu() - before) / count * 1e6)
    finally:
        for server in servers.values():
            server.__exit__(None, None, None)
        asker.socket.close()
    return found


def report(count: int = 5000, rounds: int = 5) -> dict[str, float]:
    """Measure, print, and give the ratios."""
    found = measure(count, rounds)
    print(f"\nOPTIONS answered over UDP, CPU µs of the server process each ({rounds} rounds of {count})")
    theirs = median(found["aiosipua"])
    ratios = {}
    for name, values in found.items():
        ratios[name] = theirs / median(values)
        print(f"  {name:<26} {median(values):8.1f}   ({spread(values)})   {ratios[name]:5.2f} × aiosipua")
    return ratios


if __name__ == "__main__":
    report(*map(int, sys.argv[1:]))
