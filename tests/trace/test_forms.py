"""Every form of text and data that people hold traces in: each sample reads to the same ten messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipclient.trace import Address, Record, read
from tests.trace import build

SAMPLES = Path(__file__).parents[2] / "sip_traces" / "formats"
US, PBX, HOST = Address("192.0.2.10", 5060), Address("203.0.113.5", 5060), Address("pbx.example.com", 7443)
NONE = Address()
WALL, YEAR, DAY = 1786961011.123456, 19821811.123, 36211.123456  # 2026-08-17 10:03:31.123456 UTC, and parts of it

# file, form, clock, time of the first, direction of the first, transport, source and destination of the first
TABLE = [
    ("asterisk-chan-sip-prefixed.txt", "Asterisk chan_sip debug", "year", 19821811.0, "sent", "", NONE, PBX),
    ("asterisk-chan-sip.txt", "Asterisk chan_sip debug", "", 0.0, "sent", "", NONE, PBX),
    ("asterisk-pjsip.txt", "Asterisk PJSIP log", "wall", 1786961011.0, "sent", "UDP", NONE, PBX),
    ("audiocodes.txt", "AudioCodes syslog", "day", 36211.123, "sent", "UDP", NONE, PBX),
    ("avaya-sipmessage.txt", "Avaya SIPMESSAGE log", "wall", 1786961011.123, "sent", "", NONE, PBX),
    ("avaya-tracesm.log", "Avaya traceSM", "wall", 1786961011.123, "sent", "UDP", US, PBX),
    ("bare.txt", "bare SIP messages", "", 0.0, "", "", NONE, NONE),
    ("baresip.txt", "baresip log", "day", 36211.123, "", "UDP", US, PBX),
    ("call.hep", "HEP3", "wall", WALL, "", "UDP", US, PBX),
    ("call.pcap", "pcap", "wall", WALL, "", "UDP", US, PBX),
    ("call.pcapng", "pcapng", "wall", WALL, "", "UDP", US, PBX),
    ("chrome.har", "HAR file", "wall", WALL, "sent", "WSS", US, HOST),
    ("cisco-cucm.txt", "Cisco CUCM SDL trace", "day", 36211.123, "sent", "UDP", NONE, PBX),
    ("cisco-ios.txt", "Cisco IOS debug", "year", YEAR, "sent", "", NONE, NONE),
    ("freeswitch-siptrace-old.txt", "FreeSWITCH siptrace", "day", DAY, "sent", "UDP", NONE, PBX),
    ("freeswitch-siptrace.txt", "FreeSWITCH siptrace", "day", DAY, "sent", "UDP", NONE, PBX),
    ("grandstream.txt", "Grandstream syslog", "year", 19821811.0, "", "", NONE, NONE),
    ("homer-old.txt", "Homer siptrace text", "wall", 1786961011.0, "", "UDP", US, PBX),
    ("homer.json", "Homer JSON", "wall", WALL, "", "UDP", US, PBX),
    ("homer.txt", "Homer text", "wall", WALL, "", "UDP", US, PBX),
    ("jssip-old.txt", "JsSIP log", "wall", 1786975411.0, "sent", "UDP", US, NONE),
    ("jssip.txt", "JsSIP log", "", 0.0, "sent", "UDP", US, NONE),
    ("kamailio-sipdump.data", "Kamailio sipdump", "wall", WALL, "", "UDP", US, PBX),
    ("linphone-doubled.txt", "linphone log", "day", 36211.123, "sent", "UDP", NONE, PBX),
    ("linphone-logcat.txt", "linphone log", "wall", 1786961011.123, "sent", "UDP", NONE, PBX),
    ("linphone.txt", "linphone log", "wall", 1786961011.123, "sent", "UDP", NONE, PBX),
    ("ngrep-one-line.txt", "ngrep text", "wall", WALL, "", "UDP", US, PBX),
    ("ngrep.txt", "ngrep text", "wall", WALL, "", "UDP", US, PBX),
    ("oracle-sipmsg.log", "Oracle sipmsg.log", "year", YEAR, "sent", "", US, PBX),
    ("pjsua.txt", "pjsua log", "day", 36211.123, "sent", "UDP", NONE, PBX),
    ("sip_trace.csv", "CSV of sip_trace", "wall", WALL, "sent", "UDP", US, PBX),
    ("sip_trace.sql", "SQL dump of sip_trace", "wall", WALL, "sent", "UDP", US, PBX),
    ("sipjs-old.txt", "SIP.js log", "wall", 1786961011.0, "sent", "UDP", US, NONE),
    ("sipjs.txt", "SIP.js log", "wall", 1786961011.0, "sent", "UDP", US, NONE),
    ("sipp-new.txt", "SIPp messages", "wall", WALL, "sent", "UDP", NONE, NONE),
    ("sipp.txt", "SIPp messages", "wall", WALL, "sent", "UDP", NONE, NONE),
    ("sippy.txt", "sippy b2bua log", "year", YEAR, "sent", "UDP", NONE, PBX),
    ("sngrep.txt", "sngrep text", "wall", WALL, "", "", US, PBX),
    ("sofia-dump.txt", "sofia-sip dump", "day", DAY, "sent", "UDP", NONE, PBX),
    ("technicolor.txt", "Technicolor log", "relative", 0.0, "sent", "UDP", NONE, PBX),
    ("test-tool.txt", "log of a test tool", "relative", 8123.0, "sent", "", NONE, NONE),
    ("tshark.json", "tshark JSON", "wall", WALL, "", "UDP", US, PBX),
    ("tshark.txt", "tshark -V text", "wall", WALL, "", "UDP", US, PBX),
    ("yealink.txt", "Yealink syslog", "year", 19821811.0, "", "", NONE, NONE),
]  # fmt: skip
DAMAGED_BY_ITS_TOOL = {"cisco-ios.txt": 10, "linphone-doubled.txt": 10, "tshark.txt": 1}  # file: messages repaired
CALL = read(SAMPLES / "call.pcap").records


def test_every_sample_is_in_the_table() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {row[0] for row in TABLE}


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_sample_reads_to_the_ten_messages(row: tuple[object, ...]) -> None:
    name, form, clock, at, direction, transport, source, destination = row
    trace = read(SAMPLES / str(name))
    assert trace.form == form and trace.notes == ()
    assert sum(record.repaired for record in trace.records) == DAMAGED_BY_ITS_TOOL.get(str(name), 0)
    first, last = trace.records[0], trace.records[-1]
    assert (first.clock, first.direction, first.transport) == (clock, direction, transport)
    assert (first.source, first.destination) == (source, destination)
    assert first.at == pytest.approx(at, abs=1e-6)
    assert last.at - first.at == pytest.approx(9.755 if clock else 0, abs=1)
    answer = trace.records[1]
    assert answer.direction == {"sent": "received", "": ""}[str(direction)]
    assert (answer.source, answer.destination) == (destination, source)
    for record, sent in zip(trace.records, CALL, strict=True):
        if "a long header was cut by tshark" not in record.repairs:
            assert record.data == sent.data


# Headings as people have pasted them, and what each says: form, direction, transport, the other side, clock.
HEADINGS = [
    ("1-> recv 903 bytes from udp/[192.168.7.101]:52110 at 20:07:57.811303:\n" + "-" * 72,
     "FreeSWITCH siptrace", "received", "UDP", Address("192.168.7.101", 52110), "day"),
    ("recv 326 bytes from udp/[54.20.49.188]:5060 at 23:59:12:\n" + "-" * 72,
     "FreeSWITCH siptrace", "received", "UDP", Address("54.20.49.188", 5060), "day"),
    ("send 1439 bytes to udp/[192.168.7.6] at 13:42:41.362829:\n" + "-" * 72,
     "FreeSWITCH siptrace", "sent", "UDP", Address("192.168.7.6", 0), "day"),
    ("sent 500 bytes to tls/[2001:db8::1]:5061 at 2026-02-13 10:11:12.123456:",
     "sofia-sip dump", "sent", "TLS", Address("2001:db8::1", 5061), "wall"),
    ("46a1fe62-20f73e9-1c6e7dbc@10.26.0.199 recv 1141 bytes from udp/[10.26.0.81]:5060 at 19:34:41.657063:",
     "sofia-sip dump", "received", "UDP", Address("10.26.0.81", 5060), "day"),
    ("<--- Transmitting SIP request (1043 bytes) to UDP:208.100.60.17:5060 --->",
     "Asterisk PJSIP log", "sent", "UDP", Address("208.100.60.17", 5060), ""),
    ("[2024-05-01 10:00:00] VERBOSE[2152] res_pjsip_logger.c: "
     "<--- Received SIP response (723 bytes) from TLS:192.168.8.13:36210 --->",
     "Asterisk PJSIP log", "received", "TLS", Address("192.168.8.13", 36210), "wall"),
    ("<--- Received SIP request (900 bytes) from WSS:[2001:db8::9]:44321 --->",
     "Asterisk PJSIP log", "received", "WSS", Address("2001:db8::9", 44321), ""),
    ("<--- SIP read from UDP:10.24.18.138:5060 --->",
     "Asterisk chan_sip debug", "received", "UDP", Address("10.24.18.138", 5060), ""),
    ("[Aug  5 11:43:52] <--- SIP read from WS:180.211.111.106:42974 --->",
     "Asterisk chan_sip debug", "received", "WS", Address("180.211.111.106", 42974), "year"),
    ("[Apr 27 06:25:21] <--- Transmitting (no NAT) to 85.31.193.210:5060 --->",
     "Asterisk chan_sip debug", "sent", "", Address("85.31.193.210", 5060), "year"),
    ("<--- Reliably Transmitting (NAT) to 1.2.3.4:5060 --->",
     "Asterisk chan_sip debug", "sent", "", Address("1.2.3.4", 5060), ""),
    ("Reliably Transmitting (no NAT) to 10.0.0.1:5060:",
     "Asterisk chan_sip debug", "sent", "", Address("10.0.0.1", 5060), ""),
    ("Retransmitting #2 (NAT) to 10.0.0.1:5060:",
     "Asterisk chan_sip debug", "sent", "", Address("10.0.0.1", 5060), ""),
    ("13:00:18.695           pjsua_core.c  .RX 1412 bytes Response msg 200/INVITE/cseq=18422 "
     "(rdata0x73937c000b98) from UDP 172.22.0.21:5060:",
     "pjsua log", "received", "UDP", Address("172.22.0.21", 5060), "day"),
    ("11:37:58.988           pjsua_core.c  ......TX 656 bytes Request msg SUBSCRIBE/cseq=5881 "
     "(tdta0x10683ecb0) to TLS 54.36.237.135:5061:",
     "pjsua log", "sent", "TLS", Address("54.36.237.135", 5061), "day"),
    ("SipService           pjsua_core.c  .RX 1482 bytes Request msg INVITE/cseq=102 (rdata0x7c1607db40) "
     "from TLS 192.168.1.1:5061:", "pjsua log", "received", "TLS", Address("192.168.1.1", 5061), ""),
    ("<166>Nov 17 14:25:18 192.168.7.112 SIPMESSAGE: +02:00 2020 463 1 .TEL | 0 "
     "CSIPServer::SendToNetwork(): Outbound SIP message to 10.134.117.194:5061\nTX ",
     "Avaya SIPMESSAGE log", "sent", "", Address("10.134.117.194", 5061), "wall"),
    ("2022-02-11 16:48:54 135.105.129.244 Feb 11 16:48:52 135.105.129.244 SIPMESSAGE: +01:00 2022 695 1 .TEL | 0 "
     "CNetworkInputManager::ProcessInput(): Inbound SIP message from ip = 10.134.117.194 port: 5061",
     "Avaya SIPMESSAGE log", "received", "", Address("10.134.117.194", 5061), "wall"),
    ("Jan 25 16:52:13 192.168.7.113 SIPMESSAGE: +01:00 2022 483 1 .TEL | 0 [Part 01 of 02]\n"
     "CSIPServer::SendToNetwork(): Outbound SIP message to 135.64.253.72:5061",
     "Avaya SIPMESSAGE log", "sent", "", Address("135.64.253.72", 5061), "wall"),
    ("[2022/01/25 16:52:13:483] SENDING 666 bytes to 135.64.253.72:5061 {\n",
     "Avaya SIPMESSAGE log", "sent", "", Address("135.64.253.72", 5061), "wall"),
    ("com.avaya.asm  SIPMSGT \n" + "-" * 20 + "\n17/11/2020 14:25:18.463 --> \n"
     "ingress: { L10.1.1.1:5061/R10.134.117.194:36422/TLS/ }\n" + "-" * 20,
     "Avaya traceSM", "received", "TLS", Address("10.134.117.194", 36422), "wall"),
    ("-" * 47 + " 2026-05-15T16:24:27.276466Z\nUDP message sent [589] bytes:",
     "SIPp messages", "sent", "UDP", NONE, "wall"),
    ("-" * 47 + " 2019-08-17 16:28:42.417383\nTCP message received [825] bytes :\n",
     "SIPp messages", "received", "TCP", NONE, "wall"),
    ("-" * 47 + " 2019-08-17\t16:28:42.417383\t1566059322.417383\nTCP message received [825] bytes :\n",
     "SIPp messages", "received", "TCP", NONE, "wall"),
    ("2021-03-16 12:35:47:993 [/belle-sip] MESSAGE channel [13E682A0]: received [722] new bytes from "
     "[UDP://cx.dtst.de:5060]:", "linphone log", "received", "UDP", Address("cx.dtst.de", 5060), "wall"),
    ("17:55:15:237 17212 [D]sipPhone.cpp:linphone_gtk_log_handler:175: channel [04B844B8]: message sent to "
     "[UDP://120.79.103.134:1122], size: [244] bytes",
     "linphone log", "sent", "UDP", Address("120.79.103.134", 1122), "day"),
    ("2019-10-14 18:29:39.358 17220-17220/org.linphone.debug I/Linphone: channel [0x9662d740]: received [443] "
     "new bytes from [UDP://192.168.1.181:5060]:",
     "linphone log", "received", "UDP", Address("192.168.1.181", 5060), "wall"),
    ("Wed Jun 07 2017 15:43:53 GMT+0100 (BST) | sip.transport | received WebSocket text message:\n",
     "SIP.js log", "received", "UDP", NONE, "wall"),
    ("sip-0.20.0.min.js:2 sip.Transport | Sending WebSocket message:\n", "SIP.js log", "sent", "UDP", NONE, ""),
    ("[INFO] [12/8/2025, 8:25:05 AM,539] [CCS-SDK]: Mon Dec 08 2025 | sip.Transport | Sending WebSocket message:\n",
     "SIP.js log", "sent", "UDP", NONE, "wall"),
    ("Wed Apr 16 2014 00:01:11 GMT-0400 (Eastern Daylight Time) | jssip.transport | received WebSocket text message:\n",
     "JsSIP log", "received", "UDP", NONE, "wall"),
    ("browser.js:94 JsSIP:Transport received text message:\n", "JsSIP log", "received", "UDP", NONE, ""),
    ("00:11:29: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\nReceived:",
     "Cisco IOS debug", "received", "", NONE, "day"),
    ("*Oct 14 00:25:06.327: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\nSent:",
     "Cisco IOS debug", "sent", "", NONE, "year"),
    ("0: *Aug 30 21:21:45.583: //1/1CE915CE8002/CUBE_VT/SIP/Msg/ccsipDisplayMsg:\nSent:",
     "Cisco IOS debug", "sent", "", NONE, "year"),
    ("1w0d:SIP Msg:ccsipDisplayMsg:Received:", "Cisco IOS debug", "received", "", NONE, ""),
    ("03797390.001 |20:21:09.345 |AppInfo  |//SIP/SIPUdp/wait_SdlDataInd: Incoming SIP UDP message size 737 from "
     "10.48.32.170:[5060]:\n[212232,NET]",
     "Cisco CUCM SDL trace", "received", "UDP", Address("10.48.32.170", 5060), "day"),
    ("03797391.002 |20:21:09.346 |AppInfo  |SIPTcp - wait_SdlSPISignal: Outgoing SIP TCP message to 10.48.79.120 on "
     "port 5060 index 4\n[212233,NET]", "Cisco CUCM SDL trace", "sent", "TCP", Address("10.48.79.120", 5060), "day"),
    ("12:56:34.000  10.160.21.20  local0.notice  [S=1428816] [SID=b9027c:24:164757] (N  5725461) ---- Outgoing SIP "
     "Message to 52.114.75.24:8577 from SIPInterface #2 (Teams) TLS TO(#90) SocketID(76) ----",
     "AudioCodes syslog", "sent", "TLS", Address("52.114.75.24", 8577), "day"),
    ("27 Jul 06:09:42.276/GLOBAL/b2bua: RECEIVED message from wss:192.168.23.190:61630:",
     "sippy b2bua log", "received", "WSS", Address("192.168.23.190", 61630), "year"),
    ("00:00:03.089/GLOBAL/alice_ua: SENDING message to [::1]:5060:",
     "sippy b2bua log", "sent", "", Address("::1", 5060), "day"),
    ("Recv from udp: 10.0.0.5:5060 00:00:00:01:066 (937 bytes)",
     "Technicolor log", "received", "UDP", Address("10.0.0.5", 5060), "relative"),
]  # fmt: skip


@pytest.mark.parametrize("row", HEADINGS, ids=[row[0][:60].strip("-") for row in HEADINGS])
def test_headings_as_they_are_pasted(row: tuple[str, str, str, str, Address, str]) -> None:
    text, form, direction, transport, peer, clock = row
    sip = build.message("OPTIONS", body=b"hello\r\n")
    trace = read(f"{text}\n{sip.decode()}\n".replace("\r", "").encode())
    (record,) = trace.records
    assert (record.data, record.repairs) == (sip, ())
    assert (trace.form, record.direction, record.transport, record.clock) == (form, direction, transport, clock)
    if peer.host:
        assert (record.source if direction == "received" else record.destination) == peer


SINGLE = [  # headings that name both sides
    ("T +0.001207 172.28.0.6:46736 -> 10.0.0.1:8088 [AP]", "ngrep text", "TCP", "172.28.0.6", 46736),
    ("U 2019/07/17 11:08:42.785139 122.161.88.226:63134 -> 43.231.124.208:5060",
     "ngrep text", "UDP", "122.161.88.226", 63134),
    ("2016-03-11 15:52:54 (INVITE) 100\nudp:1.2.3.4:5060 -> udp:192.168.20.85:5060",
     "Homer siptrace text", "UDP", "1.2.3.4", 5060),
    ("05:50:01.007#\nUDP 192.168.1.37:45092 -> 203.0.113.7:5060", "baresip log", "UDP", "192.168.1.37", 45092),
    ("2026/08/17 10:03:31.123456 2001:db8::1:5060 -> 2001:db8::2:5060", "sngrep text", "", "2001:db8::1", 5060),
]  # fmt: skip


@pytest.mark.parametrize("row", SINGLE, ids=[row[1] for row in SINGLE])
def test_headings_that_name_both_sides(row: tuple[str, str, str, str, int]) -> None:
    text, form, transport, host, port = row
    sip = build.message()
    (record,) = read(f"{text}\n{sip.decode()}\n".encode()).records
    assert (record.data, record.transport, record.source) == (sip, transport, Address(host, port))
    assert read(f"{text}\n{sip.decode()}\n".encode()).form == form


def test_a_message_on_the_line_of_its_heading() -> None:
    trace = read(
        b"jssip.min.js:9 JsSIP:Transport sending message:SIP/2.0 100 Trying\n"
        b"Via: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\n"
        b"Call-ID: 1\nCSeq: 1 INVITE\nContent-Length: 0\n\n"
    )
    assert trace.records[0].data.startswith(b"SIP/2.0 100 Trying\r\nVia: ")
    assert trace.records[0].transport == "WSS"


def test_two_forms_in_one_file_are_both_named() -> None:
    both = (SAMPLES / "sngrep.txt").read_bytes() + (SAMPLES / "freeswitch-siptrace.txt").read_bytes()
    trace = read(both)
    assert trace.format == "sngrep text and FreeSWITCH siptrace, 20 messages"
    assert [record.data for record in trace.records] == [record.data for record in CALL] * 2


def test_the_form_is_told_by_the_content_and_not_by_the_name(tmp_path: Path) -> None:
    wrong = tmp_path / "trace.pcap"
    wrong.write_bytes((SAMPLES / "homer.json").read_bytes())
    assert read(wrong).form == "Homer JSON"


def test_a_clock_without_dates_goes_on_past_midnight() -> None:
    sip = build.message().decode().replace("\r", "")
    trace = read(
        "".join(f"00:0{n}:00.000#\nUDP 1.1.1.1:1 -> 2.2.2.2:2\n{sip}\n" for n in (1,))
        .replace("00:01", "23:59")
        .encode()
        + f"00:00:01.000#\nUDP 1.1.1.1:1 -> 2.2.2.2:2\n{sip}\n".encode()
    )
    first, second = trace.records
    assert second.at - first.at == pytest.approx(61)


def test_bodies_that_hold_start_lines_are_not_cut() -> None:
    inner = b"SIP/2.0 200 OK\r\n"
    notify = build.message("NOTIFY", "n", inner).replace(b"text/plain", b"message/sipfrag")
    after = build.message("BYE", "b")
    trace = read((notify + b"\r\n" + after).replace(b"\r", b""))
    assert [record.data for record in trace.records] == [notify, after]


def test_utf16_and_marks_of_utf8() -> None:
    text = build.message().decode()
    for coding in ("utf-16", "utf-8-sig"):
        (record,) = read(text.encode(coding)).records
        assert record.data == text.encode()


def test_every_record_says_where_it_stands() -> None:
    sip = build.message().decode()
    records: tuple[Record, ...] = read(f"one\ntwo\n{sip}\n{sip}".encode()).records
    assert [record.line for record in records] == [3, 3 + sip.count("\n") + 1]


@pytest.mark.parametrize("cuts", [(100,), (60, 150), (100, 101, 250)])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_message_that_a_telephone_cut_in_parts_is_whole_again(cuts: tuple[int, ...], end: bytes) -> None:
    sip = build.message("INVITE", "a", b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n")
    written = sip.replace(b"\r\n", end)
    lines = [place + len(end) for place in range(len(written)) if written[place:].startswith(end)]
    for begins in (cuts, (lines[3], lines[5])):  # within lines, and where lines end
        parts = [written[a:b] for a, b in zip((0, *begins), (*begins, None), strict=True)]
        head = b"<166>Nov 17 14:25:18 192.0.2.1 SIPMESSAGE: +02:00 2020 463 1 .TEL | 0 [Part %02d of %02d]\n%s"
        told = b"CSIPServer::SendToNetwork(): Outbound SIP message to 192.0.2.2:5061\nTX "
        data = b"\n".join(head % (number, len(parts), (told if number == 1 else b"") + part)
                          for number, part in enumerate(parts, 1))  # fmt: skip
        (record,) = read(data).records
        assert (record.data, record.repairs) == (sip, ())
