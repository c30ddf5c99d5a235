"""The floor: the main job in sixty lines on a bare socket, with no stack and no store. Arguments as library.py."""

import asyncio
import os
import sys
from hashlib import md5

import uvloop

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, UPDATE"
MORE = {
    "REGISTER": f"Supported: path, outbound\r\nAllow: {ALLOW}\r\nUser-Agent: floor\r\nExpires: 300\r\n",
    "SUBSCRIBE": "Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 300\r\nUser-Agent: floor\r\n",
    "INVITE": f"Allow: {ALLOW}\r\nSupported: 100rel, timer\r\nSession-Expires: 1800\r\nUser-Agent: floor\r\n",
}


class Floor(asyncio.DatagramProtocol):
    def __init__(self, extensions):
        self.extensions, self.nonce, self.count, self.cnonce = extensions, "", 0, os.urandom(16).hex()
        self.busy, self.calls, self.watched = set(), {}, {}

    def connection_made(self, transport):
        self.transport, (host, port) = transport, transport.get_extra_info("sockname")
        self.local, self.contact = f"{host}:{port}", f"Contact: <sip:floor@{host}:{port}>\r\n"
        self.send("REGISTER", "sip:127.0.0.1", "<sip:floor@127.0.0.1>", "<sip:floor@127.0.0.1>")

    def send(self, method, uri, from_, to, extra=""):
        call_id, tag, auth = os.urandom(16).hex(), os.urandom(16).hex(), ""
        if self.nonce:
            self.count += 1
            ha1, ha2 = (md5(each.encode()).hexdigest() for each in ("floor:bench:secret", f"{method}:{uri}"))
            response = md5(f"{ha1}:{self.nonce}:{self.count:08x}:{self.cnonce}:auth:{ha2}".encode()).hexdigest()
            auth = f'Authorization: Digest username="floor", realm="bench", nonce="{self.nonce}", uri="{uri}", ' \
                f'response="{response}", algorithm=MD5, qop=auth, nc={self.count:08x}, cnonce="{self.cnonce}"\r\n'
        self.calls[call_id] = f"From: {from_};tag={tag}\r\n", auth
        self.put(method, uri, f"From: {from_};tag={tag}\r\nTo: {to}\r\n", call_id, MORE[method] + extra + self.contact + auth)
        return call_id

    def put(self, method, uri, parties, call_id, more):
        via = f"Via: SIP/2.0/UDP {self.local};branch=z9hG4bK{os.urandom(16).hex()};rport\r\nMax-Forwards: 70\r\n"
        self.transport.sendto(f"{method} {uri} SIP/2.0\r\n{via}{parties}Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
                              f"{more}Content-Length: 0\r\n\r\n".encode())

    def datagram_received(self, data, address):
        text = data.decode()
        call_id = text.partition("\r\nCall-ID: ")[2].partition("\r\n")[0]
        if text.startswith("SIP/2.0 401"):
            self.nonce = text.partition('nonce="')[2].partition('"')[0]
            self.send("REGISTER", "sip:127.0.0.1", "<sip:floor@127.0.0.1>", "<sip:floor@127.0.0.1>")
        elif text.startswith("SIP/2.0 200"):
            method = text.partition("\r\nCSeq: 1 ")[2].partition("\r\n")[0]
            if method == "INVITE":
                (from_, auth), to = self.calls[call_id], text.partition("\r\nTo: ")[2].partition("\r\n")[0]
                target = text.partition("\r\nContact: <")[2].partition(">")[0]
                self.put("ACK", target, f"{from_}To: {to}\r\n", call_id, auth)
            elif method == "REGISTER":
                for each in self.extensions:
                    uri = f"sip:{each}@127.0.0.1"
                    self.watched[self.send("SUBSCRIBE", uri, "<sip:floor@127.0.0.1>", f"<{uri}>")] = each
        elif text.startswith(("NOTIFY ", "BYE ")):
            kept = [line for line in text.partition("\r\n\r\n")[0].split("\r\n") if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]
            via = kept[0].replace(";rport", f";received={address[0]};rport={address[1]}")
            self.transport.sendto("\r\n".join(["SIP/2.0 200 OK", via, *kept[1:], "Content-Length: 0\r\n\r\n"]).encode())
            if text[0] == "B":
                del self.calls[call_id]
            elif "<note>On the phone<" in text:
                self.busy.add(call_id)
            elif call_id in self.busy and "<note>Ready<" in text:
                self.busy.discard(call_id)
                extension = self.watched[call_id]
                caller = f'"Ext {extension} is free" <sip:{extension}@127.0.0.1>'
                self.send("INVITE", "sip:7000@127.0.0.1", caller, "<sip:7000@127.0.0.1>",
                          f"P-Asserted-Identity: {caller}\r\nX-Extension: {extension}\r\n")


async def main(port, count):
    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Floor([str(10000 + number) for number in range(count)]), remote_addr=("127.0.0.1", port))
    await asyncio.Event().wait()

uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
