"""The PBX that every contestant talks to: a process of its own, string matching on one UDP socket.

It challenges with MD5, notifies as Asterisk does (PIDF with a note), answers the calls of the queue and hangs up
at once. Commands come line by line on stdin, answers go to stdout:

    subscribed USER COUNT     answers `subscribed` as soon as USER watches COUNT extensions
    go USER COUNT AT_ONCE     takes extensions of USER from busy to ready COUNT times; answers `done SECONDS`
    stats                     answers `stats {...}`, a JSON object of what was counted since the last time
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import sys
import time
from collections import Counter
from hashlib import md5

REALM, PASSWORD, NONCE = "bench", "secret", "6e6f6e6365"
CHALLENGE = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
STALLED = 20.0  # seconds without any message before a measurement is given up
_AUTH = re.compile(r'(\w+)="?([^",]*)"?')

PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence entity="sip:{ext}@127.0.0.1" xmlns="urn:ietf:params:xml:ns:pidf" \
xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">
 <note>{note}</note>
 <tuple id="{ext}">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="1">sip:{ext}@127.0.0.1</contact>
 </tuple>
 {person}
</presence>
"""
READY = ("Ready", "<dm:person />")
BUSY = (
    "On the phone",
    "<dm:person>\n  <rpid:activities>\n   <rpid:on-the-phone />\n  </rpid:activities>\n </dm:person>",
)


def digest(text: str) -> str:
    return md5(text.encode()).hexdigest()


def headers_of(lines: list[str]) -> dict[str, str]:
    """The headers by lower-case name; of one that comes twice the first."""
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), value.strip())
    return headers


def uri_in(value: str) -> str:
    return value.partition("<")[2].partition(">")[0]


class Watched:
    """One subscription, and how far its extension is in the present round of busy, ready, called."""

    __slots__ = ("address", "busy", "call_id", "calls", "cseq", "extension", "local", "remote", "target", "user")

    def __init__(self, user: str, extension: str, headers: dict[str, str], address: tuple[str, int]) -> None:
        self.user = user
        self.extension = extension
        self.call_id = headers["call-id"]
        self.remote = headers["from"]
        self.local = f"{headers['to']};tag=pbx{extension}"
        self.target = uri_in(headers["contact"])
        self.address = address
        self.cseq = 0
        self.calls = 0  # expected and not yet hung up
        self.busy = False


class Pbx:
    """Everything the PBX knows."""

    def __init__(self, sock: socket.socket, expires: int) -> None:
        self.sock = sock
        self.port = sock.getsockname()[1]
        self.expires = expires
        self.watched: dict[tuple[str, str], Watched] = {}
        self.by_call_id: dict[str, Watched] = {}
        self.calls: dict[str, Watched] = {}  # by Call-ID
        self.counted: Counter[str] = Counter()
        self.seconds: Counter[int] = Counter()  # SUBSCRIBEs in each
        self.awaited: tuple[str, int] | None = None  # who is to watch how many
        self.notified: Counter[str] = Counter()
        self.left = self.under_way = 0  # transitions to begin, and begun
        self.started = 0.0

    # --- commands -----------------------------------------------------------------------------------

    def command(self, line: str) -> None:
        what, *rest = line.split()
        if what == "subscribed":
            self.awaited = (rest[0], int(rest[1]))
            self.look()
        elif what == "go":
            user, count, at_once = rest[0], int(rest[1]), int(rest[2])
            mine = [each for each in self.watched.values() if each.user == user][:at_once]
            self.left, self.under_way = count, 0
            self.started = time.perf_counter()
            for each in mine:
                self.begin(each)
        elif what == "stats":
            most = max(self.seconds.values(), default=0)
            print("stats", json.dumps({**self.counted, "most SUBSCRIBEs in a second": most}), flush=True)
            self.counted.clear()
            self.seconds.clear()

    def look(self) -> None:
        if self.awaited is not None and self.notified[self.awaited[0]] >= self.awaited[1]:
            self.awaited = None
            print("subscribed", flush=True)

    def begin(self, watched: Watched) -> None:
        if self.left:
            self.left -= 1
            self.under_way += 1
            watched.busy = True
            self.notify(watched)

    def ended(self, watched: Watched) -> None:
        self.under_way -= 1
        self.begin(watched)
        if not self.left and not self.under_way:
            print(f"done {time.perf_counter() - self.started:.6f}", flush=True)

    # --- messages -----------------------------------------------------------------------------------

    def receive(self, data: bytes, address: tuple[str, int]) -> None:
        head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        start, *lines = head.split("\r\n")
        if not lines:
            return  # a keep-alive, or a datagram of somebody else's
        headers = headers_of(lines)
        if start.startswith("SIP/2.0"):
            self.answered(int(start[8:11]), headers)
            return
        method, uri, _ = start.split(" ")
        self.counted[method] += 1
        first = method in ("REGISTER", "SUBSCRIBE", "INVITE") and ";tag=" not in headers["to"]
        if first and not authorized(method, headers):
            self.counted["401"] += 1
            self.reply(401, "Unauthorized", headers, address, CHALLENGE)
            return
        handler = getattr(self, method.lower(), None)
        if handler is None:
            self.reply(200, "OK", headers, address)
        else:
            handler(uri, headers, address)

    def register(self, uri: str, headers: dict[str, str], address: tuple[str, int]) -> None:
        expires = int(headers.get("expires", "300"))
        contact = f"Contact: <{uri_in(headers['contact'])}>;expires={expires}"
        self.reply(200, "OK", headers, address, contact)

    def subscribe(self, uri: str, headers: dict[str, str], address: tuple[str, int]) -> None:
        watched = self.by_call_id.get(headers["call-id"])
        if watched is None:
            extension = uri.partition(":")[2].partition("@")[0]
            user = uri_in(headers["from"]).partition(":")[2].partition("@")[0]
            watched = self.watched[user, extension] = Watched(user, extension, headers, address)
            self.by_call_id[watched.call_id] = watched
        expires = min(int(headers["expires"]), self.expires)
        self.seconds[int(time.monotonic())] += 1
        to = f"To: {watched.local}"
        self.reply(200, "OK", headers, address, f"Expires: {expires}", self.contact, to=to)
        self.notify(watched, expires)

    def invite(self, uri: str, headers: dict[str, str], address: tuple[str, int]) -> None:
        user = uri_in(headers["contact"]).partition(":")[2].partition("@")[0]
        watched = self.watched[user, headers["x-extension"]]
        if headers["call-id"] in self.calls:
            return
        if watched.busy or not watched.calls:
            self.counted["false calls"] += 1
        self.calls[headers["call-id"]] = watched
        to = f"To: {headers['to']};tag=queue"
        self.reply(100, "Trying", headers, address)
        self.reply(180, "Ringing", headers, address, self.contact, to=to)
        self.reply(200, "OK", headers, address, self.contact, to=to)

    def ack(self, uri: str, headers: dict[str, str], address: tuple[str, int]) -> None:
        lines = [f"From: {headers['to']}", f"To: {headers['from']}", f"Call-ID: {headers['call-id']}"]
        target = self.calls[headers["call-id"]].target
        self.send("BYE", target, address, f"z9hG4bKbye{headers['call-id']}", [*lines, "CSeq: 1 BYE"], "")

    def answered(self, status: int, headers: dict[str, str]) -> None:
        """A response of theirs: what was waited for goes on."""
        self.counted[f"{status} {headers['cseq'].partition(' ')[2]}"] += 1
        if headers["cseq"].endswith(" BYE"):
            watched = self.calls.pop(headers["call-id"], None)
            if watched is not None:
                watched.calls -= 1
                self.ended(watched)
        elif headers["cseq"].endswith(" NOTIFY"):
            watched = self.by_call_id[headers["call-id"]]
            if watched.cseq == 1:
                self.notified[watched.user] += 1
                self.look()
            if watched.busy:
                watched.busy = False
                watched.calls += 1
                self.notify(watched)

    # --- writing ------------------------------------------------------------------------------------

    @property
    def contact(self) -> str:
        return f"Contact: <sip:pbx@127.0.0.1:{self.port}>"

    def notify(self, watched: Watched, expires: int = 300) -> None:
        watched.cseq += 1
        note, person = BUSY if watched.busy else READY
        lines = [
            f"From: {watched.local}",
            f"To: {watched.remote}",
            self.contact,
            f"Call-ID: {watched.call_id}",
            f"CSeq: {watched.cseq} NOTIFY",
            "Event: presence",
            f"Subscription-State: active;expires={expires}",
            "Allow-Events: message-summary, presence, dialog, refer",
            "Content-Type: application/pidf+xml",
        ]
        body = PIDF.format(ext=watched.extension, note=note, person=person)
        branch = f"z9hG4bK{watched.call_id}{watched.cseq}"
        self.send("NOTIFY", watched.target, watched.address, branch, lines, body)

    def send(self, method: str, uri: str, address: tuple[str, int], branch: str, lines: list[str], body: str) -> None:
        start = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch}"]
        end = ["Max-Forwards: 70", "User-Agent: bench-pbx", f"Content-Length: {len(body)}", "", body]
        self.sock.sendto("\r\n".join(start + lines + end).encode(), address)

    def reply(
        self, status: int, reason: str, headers: dict[str, str], address: tuple[str, int], *extra: str, to: str = ""
    ) -> None:
        via = headers["via"].replace(";rport", f";received={address[0]};rport={address[1]}")
        lines = [
            f"SIP/2.0 {status} {reason}",
            f"Via: {via}",
            f"From: {headers['from']}",
            to or f"To: {headers['to']}" + ("" if ";tag=" in headers["to"] or status == 100 else ";tag=pbx"),
            f"Call-ID: {headers['call-id']}",
            f"CSeq: {headers['cseq']}",
            *extra,
            "Server: bench-pbx",
            "Content-Length: 0",
            "",
            "",
        ]
        self.sock.sendto("\r\n".join(lines).encode(), address)


def authorized(method: str, headers: dict[str, str]) -> bool:
    """Whether the digest is there and right: nobody wins by leaving it out."""
    values = dict(_AUTH.findall(headers.get("authorization", "")))
    if values.get("nonce") != NONCE:
        return False
    first, second = digest(f"{values['username']}:{REALM}:{PASSWORD}"), digest(f"{method}:{values['uri']}")
    middle = f"{NONCE}:{values['nc']}:{values['cnonce']}:auth"
    return digest(f"{first}:{middle}:{second}") == values["response"]


def main() -> None:
    expires = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    pbx = Pbx(sock, expires)
    print(f"port {pbx.port}", flush=True)
    waiting = selectors.DefaultSelector()
    waiting.register(sock, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    pending = ""
    heard = time.monotonic()
    while True:
        ready = waiting.select(1.0)
        now = time.monotonic()
        if not ready and pbx.under_way and now - heard > STALLED:
            print(f"stalled {pbx.under_way} transitions never ended: {dict(pbx.counted)}", flush=True)
            return
        for key, _ in ready:
            if key.fileobj is sock:
                heard = now
                try:
                    while True:
                        pbx.receive(*sock.recvfrom(65535))
                except BlockingIOError:
                    continue
            else:
                data = os.read(sys.stdin.fileno(), 4096).decode()
                if not data:
                    return
                *lines, pending = (pending + data).split("\n")
                for line in lines:
                    pbx.command(line)


if __name__ == "__main__":
    main()
