"""The forms in which logs and tools write SIP messages as text: the line above each message, as a table.

Each form is told by its heading. The named groups of its patterns say what stands there: `when`, `way` (sent or
received), `via` (transport), `peer` (the other side), `here` (this side), or `src` and `dst`, and `rest`, where the
message begins on the same line. The order is that of trust: the first form whose pattern fits takes the line.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Manner = Literal["", "dots", "chunks"]


class Form(msgspec.Struct, frozen=True):
    """One form: `needle` is in each of its headings, `more` is what the lines after the first look like."""

    name: str
    needle: str
    head: re.Pattern[str]
    more: re.Pattern[str] | None = None
    needs_more: bool = False
    end: re.Pattern[str] | None = None
    manner: Manner = ""  # how its lines are written: each with a dot for its CR, or in chunks of a syslog packet
    web: bool = False  # of a WebSocket client that knows no addresses: Via says who sent


def _form(name: str, needle: str, head: str, more: str = "", *, need: bool = False, end: str = "",
          manner: Manner = "", web: bool = False) -> Form:  # fmt: skip
    following = re.compile(more) if more else None
    return Form(name, needle, re.compile(head), following, need, re.compile(end) if end else None, manner, web)


_SOFIA = r"(?P<way>recv|send|sent) \d+ bytes (?:from|to) (?P<peer>\S+?)(?: at (?P<when>[\d:. -]+?))?:\s*$"
_STAMP = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[.:]?\d*"
_OTHER_NAT = r"\((?:no )?NAT\) to (?P<peer>\S+?)"
_RESENT = r"(?P<way>(?:Reliably )?Transmitting|Retransmitting #\d+)"
_IOS = r"^(?:.*?(?P<when>[A-Z][a-z]{2} +\d+ [\d:.]+|\d\d:\d\d:\d\d(?:\.\d+)?))?.*?SIP[/ ]Msg[/:]ccsipDisplayMsg:"

_AVAYA = (
    r"(?:\w+::\w+\(\): )?(?P<way>In|Out)bound SIP message (?:from ip = |from |to )(?P<peer>\S+?)"
    r"(?: port: (?P<port>\d+))?"
)

FORMS: tuple[Form, ...] = (
    _form("FreeSWITCH siptrace", " bytes ", _SOFIA, r"^\s*-{40,}\s*$", need=True, end=r"^\s*-{40,}\s*$"),
    _form("sofia-sip dump", " bytes ", _SOFIA, end=r"^\x0b"),
    _form("Asterisk PJSIP log", " SIP re",
          r"<--- (?P<way>Received|Transmitting) SIP (?:request|response) \(\d+ bytes\) (?:from|to) "
          r"(?P<via>\w+):(?P<peer>\S+) --->"),
    _form("Asterisk chan_sip debug", "<--- SIP read", r"<--- SIP (?P<way>read) from (?P<peer>\S+) --->",
          end=r"^<-{10,}>\s*$|^--- \(\d+ headers \d+ lines\)"),
    _form("Asterisk chan_sip debug", "ransmitting ", rf"<--- {_RESENT} {_OTHER_NAT} --->", end=r"^<-{10,}>\s*$"),
    _form("Asterisk chan_sip debug", "ransmitting ", rf"{_RESENT} {_OTHER_NAT}:\s*$", end=r"^---\s*$"),
    _form("pjsua log", "pjsua_core.c",
          r"(?:(?P<when>\d\d:\d\d:\d\d\.\d+)\s+)?pjsua_core\.c\s+\.*\s*(?P<way>RX|TX) \d+ bytes (?:Request|Response) "
          r"msg \S+ \(\w+\) (?:from|to) (?P<via>\w+) (?P<peer>\S+?):\s*$", end=r"^\s*--end msg--"),
    _form("SIPp messages", "-----", r"^-{20,}\s+(?P<when>\d{4}-\d\d-\d\d.*)$",
          r"^(?P<via>[A-Z]+) message (?P<way>received|sent) (?:\[\d+\] bytes|\(\d+ bytes\))\s*:\s*$", need=True),
    _form("Mermaid diagram", "%% ", rf"^%% (?P<when>{_STAMP}) (?P<src>\S+:\d+) -> (?P<dst>\S+:\d+)\s*$"),
    _form("sngrep text", " -> ", rf"^(?P<when>{_STAMP}) (?P<src>\S+:\d+) -> (?P<dst>\S+:\d+)\s*$"),
    _form("ngrep text", " -> ",
          rf"^#*\s*(?P<via>[UT]) (?:(?P<when>{_STAMP}|\+[\d.]+) )?(?P<src>\S+:\d+) -> (?P<dst>\S+:\d+)"
          r"(?: \[\w+\])?(?: #\d+)?(?:\s+(?P<rest>\S.*))?$", manner="dots"),
    _form("Kamailio sipdump", "====", r"^={20}\s*$", r"^(?:(?P<key>\w+): ?(?P<value>.*)|~{20}\s*)$", need=True,
          end=r"^\|{20}"),
    _form("Homer text", "proto:", r"^proto:(?P<via>\w+) (?P<when>\S+)\s+(?P<src>\S+) -+> (?P<dst>\S+)"),
    _form("Homer siptrace text", ") ", rf"^(?P<when>{_STAMP}) \([^)]*\)(?: \d+)?\s*$",
          r"^(?P<src>\w+:\S+) -> (?P<dst>\w+:\S+)\s*$", need=True),
    _form("baresip log", "#", r"^(?P<when>\d\d:\d\d:\d\d\.\d+)#\s*$", r"^(?P<via>\w+) (?P<src>\S+) -> (?P<dst>\S+)\s*$",
          need=True),
    _form("linphone log", "channel [",
          rf"^(?:(?P<when>{_STAMP}|\d\d:\d\d:\d\d:\d+).*?)?channel \[\w+\]: (?P<way>received) \[\d+\] new bytes from "
          r"\[(?P<peer>\w+://\S+?)\]:\s*$"),
    _form("linphone log", "message sent to",
          rf"^(?:(?P<when>{_STAMP}|\d\d:\d\d:\d\d:\d+).*?)?channel \[\w+\]: message (?P<way>sent) to "
          r"\[(?P<peer>\w+://\S+?)\], size: \[\d+\] bytes:?\s*$"),
    _form("JsSIP log", "ransport",
          r"^(?P<when>.*?)(?:JsSIP:Transport|jssip\.transport \|) (?P<way>sending|received) (?:WebSocket )?(?:text )?"
          r"message:?\s*(?P<rest>.*?)(?:\s*\+\d+m?s)?$", web=True),
    _form("SIP.js log", "ransport | ",
          r"^(?P<when>.*?)sip\.[Tt]ransport \| (?P<way>[Ss]ending|[Rr]eceived) WebSocket (?:text )?message:\s*"
          r"(?P<rest>.*)$", web=True),
    _form("Cisco IOS debug", "ccsipDisplayMsg", _IOS + r"\s*(?P<way>Sent|Received)?:?\s*$",
          r"^\s*(?P<way>Sent|Received):\s*$|^\s*$"),
    _form("Cisco CUCM SDL trace", " SIP ",
          r"\|(?P<when>\d\d:\d\d:\d\d\.\d+) .*?(?P<way>Incoming|Outgoing) SIP (?P<via>\w+) message(?: size \d+)? "
          r"(?:from|to) (?P<peer>\S+?)(?: on port (?P<port>\d+).*)?:?\s*$", r"^\[\d+,NET\]\s*$"),
    _form("Oracle sipmsg.log", " On ",
          r"^(?P<when>[A-Z][a-z]{2} +\d+ [\d:.]+) On (?:\[[\d:]+\])?(?P<here>\S+) (?P<way>received|sent) (?:from|to) "
          r"(?P<peer>\S+)", end=r"^-{40}"),
    _form("AudioCodes syslog", " SIP Message ",
          r"^(?P<when>.*?)---- (?P<way>Outgoing|Incoming) SIP Message (?:to|from) (?P<peer>\S+) (?:from|to) "
          r"SIPInterface #\d+ (?:\(.*?\) )?(?P<via>UDP|TCP|TLS|WSS|WS)\b.*?----\s*(?P<rest>.*)$", manner="chunks"),
    _form("Avaya traceSM", "--",
          r"^(?P<when>\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\.\d+) (?P<way>-->|<--)\s*$",
          r"^(?:(?:in|e)gress: \{ L(?P<here>[^/\s]+)/R(?P<peer>[^/\s]+)/(?P<via>\w+)\b.*\}\s*"
          r"|(?P<aside>octets: .*|(?:in|e)gress: \{.*)|-{20}\s*)$", need=True, end=r"^-{20}\s*$"),
    _form("Avaya SIPMESSAGE log", "SIPMESSAGE: ",
          r"(?P<when>[A-Z][a-z]{2} +\d+ [\d:]+) \S+ SIPMESSAGE: \S+ (?P<year>\d{4}) (?P<ms>\d{3}) \d+ \S+ \| \d+ "
          rf"(?:\[Part 0?1 of \d+\]|{_AVAYA})\s*$", rf"^{_AVAYA}\s*$"),
    _form("Avaya SIPMESSAGE log", " bytes ",
          r"^\[(?P<when>\d{4}/\d\d/\d\d [\d:]+)\] (?P<way>SENDING|RECEIVED) \d+ bytes (?:to|from) (?P<peer>\S+) \{\s*$",
          end=r"^\}\s*$"),
    _form("sippy b2bua log", " message ",
          r"^(?P<when>(?:\d+ [A-Z][a-z]{2} )?[\d:.]+)/\w+/[\w-]+: (?P<way>RECEIVED|SENDING) message (?:from|to) "
          r"(?P<peer>\S+?):\s*$"),
    _form("Technicolor log", " bytes)",
          r"^(?P<way>Recv|Send|Sent) (?:from|to) (?P<via>\w+): (?P<peer>\S+) (?P<when>[\d:]+) \(\d+ bytes\)"),
    _form("log of a test tool", "----------", r"^-{10} (?P<when>[\d.]+) \S+ (?:>>>|<<<) (?P<way>sent|received)\s*$"),
)  # fmt: skip

BARE = Form("bare SIP messages", "", re.compile(r"(?!)"))


class Prefix(msgspec.Struct, frozen=True):
    """What a logger writes before every line of a message. `name` is its form, "" where others share it."""

    name: str
    pattern: re.Pattern[str]


PREFIXES: tuple[Prefix, ...] = (
    Prefix("Yealink syslog", re.compile(
        r"^(?:<\d+>)?(?P<when>[A-Z][a-z]{2} +\d+ [\d:.]+) (?:\S+ )?(?:sua|SIP|sip)\s*\[[\d:]+\]: ?"
        r"(?:\w+ +<\d\+\w+ *> )?(?:\[\w+\] ?)?")),
    Prefix("Grandstream syslog", re.compile(
        r"^(?:(?:<\d+>)?(?P<when>[A-Z][a-z]{2} +\d+ [\d:.]+) )?(?:\S+ )?GS_LOG: (?:\[[^\]]*\]){1,4} ?")),
    Prefix("", re.compile(
        r"^(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) +\d+-\d+/\S+ [VDIWEF]/[^:]+: ?")),  # logcat
    Prefix("", re.compile(r"^(?P<when>\d\d-\d\d \d\d:\d\d:\d\d\.\d+) +\d+ +\d+ [VDIWEF] [^:]+: ?")),
    Prefix("", re.compile(
        r"^\[(?P<when>[A-Z][a-z]{2} +\d+ [\d:.]+|\d{4}-\d\d-\d\d [\d:.]+)\] ?"
        r"(?:[A-Z]+\[\d+\](?:\[C-\w+\])?:? ?(?:[\w.-]+:(?:\d+:?)?(?: \w+:)? )?)?")),  # Asterisk
    Prefix("", re.compile(r"^(?P<when>)[TR]X (?=\S+ sips?:|SIP/2\.0 )")),  # Avaya's phones, before the start line
    Prefix("", re.compile(r"^(?P<when>)%%(?: |$)")),  # the comments of our own Mermaid diagrams
    Prefix("AudioCodes syslog", re.compile(
        r"^(?P<when>\d\d:\d\d:\d\d\.\d+)\s+\S+\s+local\d\.\w+\s+(?:\[\w+=[^\]]*\]\s*)+(?:\(N\s+\d+\)\s?)?")),
)  # fmt: skip

NEXT_PART = re.compile(r"SIPMESSAGE: .*\[Part (?!0*1 )\d+ of \d+\]\s*$")  # of a message that Avaya's phones cut in two

LOG_LINE = re.compile(
    r"^(?:[0-9a-f-]{36} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ (?:[\d.]+% )?"
    r"\[(?:DEBUG|INFO|NOTICE|WARNING|ERR|CRIT|ALERT|CONSOLE)\]"
    r"|^\d\d:\d\d:\d\d\.\d+ +\w+\.c +"
    r"|^\[(?:[A-Z][a-z]{2} +\d+|\d{4}-\d\d-\d\d) [\d:.]+\] [A-Z]+\[\d+\]"
)
