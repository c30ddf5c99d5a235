"""Robustness 16, toll fraud.

Targets, REFER and 302 targets included, against the allow-list; rate and concurrency caps; default deny. Shown with a
whole robot on the simulated wire: what counts is which INVITEs the PBX sees.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from robustness.common import CONTACT, SDP, SERVER, share
from robustness.on_wire import MemoryStore, OnWire
from support.peer import Peer, transaction_free
from support.wire import Wire

from sipclient import Account, CallFailed, Client, InvalidValue
from sipclient.config import load
from sipclient.dialling import Leg
from sipclient.errors import ConfigError, NotAllowed
from sipclient.message import Request, SipUri, TelUri
from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged, Follow, Invite, Redirect, SendInCall, SendRequest
from sipclient.robot import Robot

FILE = f"""
[accounts.pbx]
address = "sip:robot@pbx.test"
server = "udp:{SERVER}:5060"
media = "none"
register = false
keepalive = 0
[[watch]]
extensions = ["1000-1099"]
events = ["presence"]
"""
RULE = """
[[rules]]
name = "queue"
call = { to = "7000" }
"""
ALLOW = """
[dial]
allow = ["7???", "1???", "sip:sales*@partner.test", "tel:+4930*"]
calls_at_once = 1000
calls_per_second = 1000
"""


class Stage:
    """A robot and a PBX on the wire. `open` counts the calls that the PBX has with us."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.pbx = Peer(self.wire, SERVER)
        self.on = OnWire(self.wire)
        self.robot: Any = None
        self.contact = ""
        self.open: set[str] = set()
        self.most_open = 0
        self.pbx.handler = transaction_free(self._answer)

    def _answer(self, request: Request) -> list[bytes]:
        if request.method == "INVITE" and not request.to_tag:
            if self.contact and len(self.pbx.requests("INVITE")) == 1:
                return [self.pbx.reply(request, 302, ("Contact", self.contact))]
            self.open.add(request.call_id)
            self.most_open = max(self.most_open, len(self.open))
            return [self.pbx.reply(request, 200, CONTACT)]
        if request.method == "BYE":
            self.open.discard(request.call_id)
        if request.method in ("ACK", "SUBSCRIBE"):
            return []
        return [self.pbx.reply(request, 200, CONTACT)]

    async def start(self, text: str) -> Stage:
        self.robot = Robot(load(text), store=MemoryStore(), tell=lambda news: None, **self.on.parts())
        await self.robot.__aenter__()
        await self.on.run(0.2)
        return self

    @property
    def called(self) -> list[str]:
        """The Request-URIs of the calls that left."""
        return [request.uri_text for request in self.pbx.requests("INVITE") if not request.to_tag]

    async def dial(self, target: str) -> bool:
        """Whether a hook's call to this target left."""
        before = len(self.called)
        try:
            call = self.robot.client.dial(target)
        except (NotAllowed, InvalidValue):
            await self.on.run(0.1)
            assert len(self.called) == before
            return False
        await self.on.run(0.3)
        call.hangup()
        await self.on.run(0.3)
        return len(self.called) > before


@pytest.fixture
async def stage() -> AsyncIterator[Callable[[str], Any]]:
    made: list[Stage] = []

    async def start(text: str) -> Stage:
        made.append(await Stage().start(text))
        return made[-1]

    yield start
    for each in made:
        leaving = asyncio.ensure_future(each.robot.aclose())
        await each.on.run_until(leaving)
        assert each.robot.client.failures == 0


ALLOWED = [
    "7000",
    "7999",
    "1001",
    "sip:7000@pbx.test",
    "sip:sales-north@partner.test",
    "SIP:7000@PBX.TEST",
    "sips:7000@pbx.test",
    "7000@pbx.test",
    "tel:+4930123456",
    "tel:+49-30-123456",
    "sip:7000@pbx.test;user=phone",
]
DENIED = [
    "",
    "0",
    "70000",
    "700",
    "8000",
    "+17005551234",
    "0017005551234",
    "tel:+17005551234",
    "tel:7000;phone-context=+1900",
    "sip:anybody@pbx.test",
    "sip:7000@partner.test",
    "sales@pbx.test",
    "sip:sales@partner.test.evil.test",
    "sip:7000@evil.test",
    "sip:7000@pbx.test.evil.test",
    "sip:7000@evil.test@pbx.test",
    "sip:7000@pbx.test:5090",
    "sip:7000@pbx.test;maddr=10.0.0.66",
    "sip:7000:secret@pbx.test",
    "sip:7000@pbx.test?Route=%3Csip:10.0.0.66%3E",
    "sip:7000@pbx.test%40evil.test",
    "sip:pbx.test",
    "7000@evil.test",
    "7000;phone-context=+1900",
    "7000\r\nX: y",
    "7000 ",
    " 7000",
    "７０００",
    "7000,8000",
    "7000?X-Evil=1",
    "http://pbx.test/7000",
    "mailto:7000@pbx.test",
    "<sip:7000@pbx.test>",
    '"7000" <sip:7000@evil.test>',
    "sip:900@10.0.0.66",
]


@pytest.mark.parametrize("target", ALLOWED)
async def test_what_the_list_names_leaves(stage: Any, target: str) -> None:
    assert await (await stage(FILE + ALLOW)).dial(target)


async def test_what_the_list_does_not_name_does_not_leave(stage: Any) -> None:
    running = await stage(FILE + ALLOW)
    for target in DENIED:
        assert not await running.dial(target), target
    assert running.called == []


@pytest.mark.parametrize("dial", ["", "[dial]\n", "[dial]\nallow = []\n"])
async def test_without_a_list_nothing_leaves(stage: Any, dial: str) -> None:
    """Default deny: for hooks, and for the rules' own calls."""
    running = await stage(FILE + dial)
    for target in (*ALLOWED, *DENIED):
        assert not await running.dial(target), target
    assert running.called == []
    with pytest.raises(ConfigError, match="allow names nothing"):
        load(FILE + RULE + dial)


async def test_a_rule_whose_target_the_list_does_not_name_does_not_call(stage: Any) -> None:
    """A target may be known only when the rule fires: the list is asked again then."""
    rule = RULE.replace("7000", "{extension}9")
    running = await stage(FILE + rule + '[dial]\nallow = ["10019", "8???"]\n')
    _episode(running, "1002")
    await running.on.run(2)
    assert running.called == []
    _episode(running, "1001")
    await running.on.run(2)
    assert running.called == ["sip:10019@pbx.test"]


def _episode(running: Stage, extension: str) -> None:
    """The extension talked and is ready, as far as the robot knows."""
    watch = 1
    for before, after, opened, closed in (
        (State.READY, State.ON_THE_PHONE, True, False),
        (State.ON_THE_PHONE, State.READY, False, True),
    ):
        running.robot._changed(ExtensionChanged(watch, "pbx", extension, before, after, 1, opened, closed))


async def test_random_targets_leave_only_where_the_list_names_what_leaves(stage: Any) -> None:
    """Whatever the spelling: the Request-URI that the PBX sees is one of those allowed."""
    rng = random.Random(16)
    before = ["", "", "sip:", "sips:", "SIP:", "tel:", "+", "tel:+4930", "sip:sales", "sip:evil@", "8", " "]
    after = ["", "", "@pbx.test", "@PBX.test", "@partner.test", "@evil.test", ";", ":", "?", "%40", ";maddr=10.0.0.66"]
    after += ["?X-E=1", "&", "%3C", "(1)", "-", ".", "*", "#", ",", ";user=phone", ":5060", ":5090", "@[::1]", "1"]
    running = await stage(FILE + ALLOW)
    left = 0
    for _ in range(share(300, 10_000)):
        endings = "".join(rng.choice(after) for _ in range(rng.randint(0, 3)))
        left += await running.dial(rng.choice(before) + rng.choice(("7000", "1001", "900")) + endings)
    assert left > 20
    for request in running.pbx.requests("INVITE"):
        uri = request.uri
        if isinstance(uri, TelUri):
            assert re.fullmatch(r"\+4930.*|[17]...", uri.digits)
            assert "phone-context" not in uri.params
            continue
        assert isinstance(uri, SipUri)
        assert uri.host.lower() in ("pbx.test", "partner.test")
        assert uri.port in (None, 5060, 5061)
        assert "maddr" not in uri.params
        assert uri.headers == ()


REDIRECTS = [(f"<{target}>", True) for target in ALLOWED if (":" in target and "@" in target) or target[:4] == "tel:"]
REDIRECTS += [(f"<{target}>", False) for target in DENIED if ":" in target and not set(target) & set('<>"\r\n ?')]
REDIRECTS += [
    ("<sip:9@evil.test>, <sip:7001@pbx.test>", True),  # the first that may be called
    ("<sip:9@evil.test>, <sip:8@evil.test>", False),
    ('"7000" <sip:7000@evil.test>', False),
    ("<isbn:7000>", False),
]


@pytest.mark.parametrize(("contact", "followed"), REDIRECTS)
async def test_a_redirect_leads_nowhere_that_could_not_be_dialled(stage: Any, contact: str, followed: bool) -> None:
    running = await stage(FILE + ALLOW)
    running.contact = contact
    call = running.robot.client.dial("7000")
    await running.on.run(0.5)
    assert (len(running.called) == 2) is followed, running.called
    assert not [uri for uri in running.called if "evil" in uri]
    if not followed:
        assert call.end is not None
        assert call.status in (302, 0)  # 0: the 302 itself was broken


async def test_a_redirects_headers_are_not_sent(stage: Any) -> None:
    """RFC 3261 §19.1.5 would let the URI of a Contact write into our INVITE: Route, Replaces, Authorization ..."""
    running = await stage(FILE + ALLOW)
    running.contact = "<sip:7001@pbx.test?Route=%3Csip:10.0.0.66;lr%3E&X-Evil=1&Replaces=a>"
    running.robot.client.dial("7000")
    await running.on.run(0.5)
    assert running.called == ["sip:7000@pbx.test", "sip:7001@pbx.test"]
    assert not [raw for raw in running.pbx.raw if b"evil" in raw.lower() or b"Route" in raw or b"Replaces:" in raw]


@pytest.mark.parametrize("to", ["sip:7001@pbx.test", "sip:0019005551234@pbx.test", "sip:9@evil.test", "tel:+1900"])
async def test_a_refer_makes_no_call_at_all(stage: Any, to: str) -> None:
    """Inside a call and outside: refused, and the account's `refer` says no by default."""
    running = await stage(FILE + ALLOW)
    running.robot.client.dial("7000")
    await running.on.run(0.3)
    invite = running.pbx.requests("INVITE")[0]
    for inside in (True, False):
        named = {"call_id": invite.call_id, "to": f"<sip:robot@pbx.test>;tag={invite.from_tag}"} if inside else {}
        headers = (CONTACT, ("Refer-To", f"<{to}>"), ("Referred-By", "<sip:1001@pbx.test>"))
        data = running.pbx.request("REFER", "sip:robot@10.0.0.2", *headers, body=b"", **named)
        running.wire.inject(running.on.node, data, source=(SERVER, 5060))
        await running.on.run(2)
        assert running.pbx.responses("REFER")[-1].status in (603, 405)
    assert len(running.called) == 1


async def test_no_peer_makes_us_call_itself(stage: Any) -> None:
    """Calls that reach us are refused, not bridged, forwarded or called back."""
    running = await stage(FILE + ALLOW)
    data = running.pbx.request("INVITE", "sip:0019005551234@10.0.0.2", CONTACT, body=SDP)
    running.wire.inject(running.on.node, data, source=(SERVER, 5060))
    await running.on.run(5)
    assert running.pbx.responses("INVITE")[-1].status == 480
    assert running.called == []


@pytest.mark.parametrize(("per_second", "at_once"), [(5, 1000), (2, 1000), (1, 1000), (1000, 7), (1000, 1), (3, 4)])
async def test_caps_hold_when_a_hundred_extensions_are_ready_at_once(stage: Any, per_second: int, at_once: int) -> None:
    running = await stage(
        FILE + RULE + f'[dial]\nallow = ["7???"]\ncalls_per_second = {per_second}\ncalls_at_once = {at_once}\n'
    )
    for extension in range(1000, 1100):
        _episode(running, str(extension))
    begun = running.wire.now
    for _ in range(100):
        await running.on.run(0.1)
    placed = {m.call_id: at for at, m in zip(running.pbx.at, running.pbx.inbox, strict=True) if _invite(m)}
    times = sorted(placed.values())
    assert len(running.open) == min(at_once, len(times)) == len(times)
    assert len(times) <= min(at_once, per_second * (running.wire.now - begun) + per_second)
    assert len(times) >= min(at_once, per_second * 9, 100)
    for first in range(len(times) - per_second):
        assert times[first + per_second] - times[first] >= 0.99
    assert running.most_open <= at_once


def _invite(message: object) -> bool:
    return isinstance(message, Request) and message.method == "INVITE"


async def test_hooks_have_no_way_around_the_caps(stage: Any) -> None:
    running = await stage(FILE + '[dial]\nallow = ["7???"]\ncalls_per_second = 2\ncalls_at_once = 3\n')
    with pytest.raises(NotAllowed):
        for _ in range(10):
            running.robot.client.dial("7000")
    await running.on.run(0.5)
    assert len(running.called) == 2
    with pytest.raises((CallFailed, NotAllowed, InvalidValue)):
        await running.robot.client.request("INVITE", "sip:0019005551234@pbx.test")
    assert len(running.called) == 2


def refer(client: Client, name: str, value: str) -> None:
    client.do(SendInCall(client.calls[0].id, client.next_id(), "REFER", ((name, value),)))


WAYS_AROUND = [
    lambda client, to: client.do(Invite(client.next_id(), "pbx", to)),
    lambda client, to: client.do(Invite(client.next_id(), "pbx", to, headers=(("X-A", "b"),))),
    lambda client, to: client.place(Leg(to), call_id="x"),
    lambda client, to: client.do(Follow(client.calls[0].id, to)),
    lambda client, to: client.do(SendRequest(client.next_id(), "pbx", "MESSAGE", to)),
    lambda client, to: client.do(
        SendRequest(client.next_id(), "pbx", "REFER", "7000", (("Refer-To", f"<sip:7000@pbx.test>, <{to}>"),))
    ),
    lambda client, to: client.do(
        SendInCall(client.calls[0].id, client.next_id(), "REFER", (("r", f'"7000" <{to}>;method=INVITE'),))
    ),
    lambda client, to: client.do(SendInCall(client.calls[0].id, client.next_id(), "REFER", (("REFER-TO", to),))),
    lambda client, to: client.do(Redirect(-1, ("sip:7000@pbx.test", to))),
]
METHODS = ("INVITE", "ACK", "MESSAGE", "REFER")


@pytest.mark.parametrize("way", WAYS_AROUND)
async def test_no_command_of_a_hook_leads_around_the_list(stage: Any, way: Callable[[Any, str], Any]) -> None:
    """Whatever way a hook takes: a refused target is one clear sentence, and nothing leaves."""
    running = await stage(FILE + ALLOW)
    running.robot.client.dial("7000")
    await running.on.run(0.5)
    before = [len(running.pbx.requests(method)) for method in METHODS]
    for target in DENIED:
        if target == "<sip:7000@pbx.test>":  # a Refer-To may be written so
            continue
        with pytest.raises((NotAllowed, InvalidValue)) as refused:
            waiting = way(running.robot.client, target)
            if waiting is not None:
                await waiting
        assert "\n" not in str(refused.value)
    await running.on.run(1)
    assert [len(running.pbx.requests(method)) for method in METHODS] == before


async def test_what_the_list_names_leaves_by_every_way(stage: Any) -> None:
    running = await stage(FILE + ALLOW)
    client = running.robot.client
    client.do(Invite(100, "pbx", "7001"))
    await running.on.run(0.5)
    client.do(SendInCall(100, client.next_id(), "REFER", (("Refer-To", '"Sales" <sip:7002@pbx.test>'),)))
    client.do(SendRequest(client.next_id(), "pbx", "MESSAGE", "1001"))
    await running.on.run(0.5)
    assert running.called == ["sip:7001@pbx.test"]
    assert len(running.pbx.requests("REFER")) == len(running.pbx.requests("MESSAGE")) == 1


async def test_an_account_a_hook_brings_along_calls_nobody(stage: Any) -> None:
    """A number of the list is one at the accounts of the file, and nowhere else."""
    running = await stage(FILE + ALLOW)
    client = running.robot.client
    client.add(Account("sip:robot@evil.test", server=f"udp:{SERVER}:5060", register=False, media="none", name="mine"))
    with pytest.raises(NotAllowed, match="7000"):
        client.dial("7000", account="mine")
    await running.on.run_until(asyncio.ensure_future(client.remove("pbx")))
    client.add(Account("sip:robot@evil.test", server=f"udp:{SERVER}:5060", register=False, media="none", name="pbx"))
    for account in ("mine", "pbx"):
        with pytest.raises(NotAllowed):
            client.do(Invite(client.next_id(), account, "7000"))
    await running.on.run(0.5)
    assert running.called == []


async def test_an_invite_of_ones_own_is_held_to_the_caps(stage: Any) -> None:
    running = await stage(FILE + '[dial]\nallow = ["7???"]\ncalls_per_second = 2\ncalls_at_once = 3\n')
    client = running.robot.client
    refused = 0
    for _ in range(10):
        try:
            client.do(Invite(client.next_id(), "pbx", "7000"))
        except NotAllowed:
            refused += 1
        await running.on.run(0.3)
    assert (len(running.called), refused, running.most_open) == (3, 7, 3)
