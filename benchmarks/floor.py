"""The floor: the main job in sixty lines on a bare socket, no stack and no store. Arguments as library.py has them."""

import asyncio
import os
import sys
from hashlib import md5

import uvloop

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, REFER, UPDATE\r\n"
REGISTER = f"Supported: path, outbound\r\n{ALLOW}User-Agent: floor\r\nExpires: 300\r\n"
SUBSCRIBE = "Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 300\r\nUser-Agent: floor\r\n"
INVITE = f"{ALLOW}Supported: timer\r\nSession-Expires: 1800\r\nUser-Agent: floor\r\n"
OURS = "<sip:floor@127.0.0.1>"


class Floor(asyncio.DatagramProtocol):
    def __init__(self, count):
        self.count, self.nonce, self.used, self.cnonce = count, "", 0, os.urandom(16).hex()
        self.busy, self.watched, self.calls = set(), {}, {}

    def connection_made(self, transport):
        self.transport, (host, port) = transport, transport.get_extra_info("sockname")
        self.local, self.contact = f"{host}:{port}", f"Contact: <sip:floor@{host}:{port}>\r\n"
        self.send("REGISTER", "sip:127.0.0.1", OURS, OURS, REGISTER)

    def send(self, method, uri, from_, to, more):
        call_id, auth = os.urandom(16).hex(), ""
        if self.nonce:
            self.used += 1
            first, second = (md5(each.encode()).hexdigest() for each in ("floor:bench:secret", f"{method}:{uri}"))
            middle = f"{self.nonce}:{self.used:08x}:{self.cnonce}:auth"
            auth = f'Authorization: Digest username="floor", realm="bench", nonce="{self.nonce}", uri="{uri}", '
            auth += f'response="{md5(f"{first}:{middle}:{second}".encode()).hexdigest()}", algorithm=MD5, qop=auth, '
            auth += f'nc={self.used:08x}, cnonce="{self.cnonce}"\r\n'
        from_ = f"{from_};tag={os.urandom(16).hex()}"
        self.put(method, uri, from_, to, call_id, more + self.contact + auth)
        return call_id, from_, auth

    def put(self, method, uri, from_, to, call_id, more):
        via = f"Via: SIP/2.0/UDP {self.local};branch=z9hG4bK{os.urandom(16).hex()};rport\r\nMax-Forwards: 70\r\n"
        parties = f"From: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
        self.transport.sendto(f"{method} {uri} SIP/2.0\r\n{via}{parties}{more}Content-Length: 0\r\n\r\n".encode())

    def datagram_received(self, data, address):
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        call_id, method = headers["Call-ID"], headers["CSeq"].partition(" ")[2]
        if start.startswith("SIP/2.0 401"):
            self.nonce = headers["WWW-Authenticate"].partition('nonce="')[2].partition('"')[0]
            self.send("REGISTER", "sip:127.0.0.1", OURS, OURS, REGISTER)
        elif start.startswith("SIP/2.0 200") and method == "REGISTER":
            for extension in range(10000, 10000 + self.count):
                uri = f"sip:{extension}@127.0.0.1"
                self.watched[self.send("SUBSCRIBE", uri, OURS, f"<{uri}>", SUBSCRIBE)[0]] = extension
        elif start.startswith("SIP/2.0 200") and method == "INVITE":
            from_, auth = self.calls[call_id]
            self.put("ACK", headers["Contact"].strip("<>"), from_, headers["To"], call_id, auth)
        elif start.startswith(("NOTIFY", "BYE")):
            via = headers["Via"].replace(";rport", f";received={address[0]};rport={address[1]}")
            kept = "".join(f"{name}: {headers[name]}\r\n" for name in ("From", "To", "Call-ID", "CSeq"))
            self.transport.sendto(f"SIP/2.0 200 OK\r\nVia: {via}\r\n{kept}Content-Length: 0\r\n\r\n".encode())
            self.calls.pop(call_id, None)
            if "<note>On the phone<" in body:
                self.busy.add(call_id)
            elif "<note>Ready<" in body and call_id in self.busy:
                self.busy.discard(call_id)
                self.call(self.watched[call_id])

    def call(self, extension):
        caller = f'"Ext {extension} is free" <sip:{extension}@127.0.0.1>'
        more = f"P-Asserted-Identity: {caller}\r\n{INVITE}X-Extension: {extension}\r\n"
        call_id, *kept = self.send("INVITE", "sip:7000@127.0.0.1", caller, "<sip:7000@127.0.0.1>", more)
        self.calls[call_id] = kept


async def main(port, count):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Floor(count), remote_addr=("127.0.0.1", port))
    await asyncio.Event().wait()


uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
