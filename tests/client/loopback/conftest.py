"""A PBX on a loopback socket, made of the same engine: registers anyone, tells states, answers some numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop

from sipclient import Account, Client
from sipclient.protocol.events import (
    AcceptSubscription,
    Event,
    Notify,
    RequestReceived,
    Respond,
    SubscribeReceived,
    SubscriberGone,
)

PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{0}@127.0.0.1">
<tuple id="{0}"><status><basic>{2}</basic></status><note>{1}</note></tuple></presence>"""
DIALOG = """<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{2}" state="full" entity="sip:{0}@127.0.0.1">
<dialog id="{0}"><state>{1}</state></dialog></dialog-info>"""
TYPES = {"presence": "application/pidf+xml", "dialog": "application/dialog-info+xml"}
WORDS = {
    "ready": ("Ready", "open", "terminated"),
    "ringing": ("Ringing", "open", "early"),
    "on-the-phone": ("On the phone", "open", "confirmed"),
    "offline": ("Unavailable", "closed", "terminated"),
}


class Pbx:
    """What a PBX does as far as these tests go. `calls` are the calls that reached it, by number called."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.registered: list[str] = []
        self.unregistered: list[str] = []
        self.gone: list[str] = []
        self.refuse_with = 0
        self.ports: dict[str, int] = {}
        self.heard: list[Event] = []
        self._version = 0
        self._subscribers: dict[int, tuple[str, str]] = {}
        self.client = Client(
            Account(
                "sip:pbx@127.0.0.1",
                register=False,
                keepalive=0.0,
                peers=("127.0.0.0/8",),
                handles=frozenset({"REGISTER", "SUBSCRIBE"}),
            ),
            on_event=self.hear,
        )

    async def start(self) -> None:
        await self.client.__aenter__()
        for transport in ("udp", "tcp", "ws"):
            _, self.ports[transport] = await self.client.listen(transport, "127.0.0.1", origins=["*"])

    def account(self, transport: str = "udp", **more: Any) -> Account:
        """An account at this PBX."""
        server = f"{transport}:127.0.0.1:{self.ports[transport]}"
        return Account("sip:robot@127.0.0.1", server=server, **more)

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, RequestReceived):
            self._register(event)
        elif isinstance(event, SubscribeReceived):
            self._subscribe(event)
        elif isinstance(event, SubscriberGone):
            self.gone.append(self._subscribers.pop(event.id, ("", ""))[0])

    def set_state(self, extension: str, state: str) -> None:
        """The extension changes, and whoever subscribed hears so."""
        self.states[extension] = state
        self._version += 1
        for id, (watched, _) in list(self._subscribers.items()):
            if watched == extension:
                self._notify(id)

    def watchers(self, extension: str) -> int:
        """How many subscriptions there are to it."""
        return sum(watched == extension for watched, _ in self._subscribers.values())

    def _register(self, event: RequestReceived) -> None:
        request = event.message
        contact = request.headers.get("Contact") or ""
        if self.refuse_with:
            self.client.do(Respond(event.request, self.refuse_with))
            return
        leaves = request.expires == 0
        (self.unregistered if leaves else self.registered).append(contact)
        self.client.do(Respond(event.request, 200, headers=(("Expires", "0" if leaves else "300"),)))

    def _subscribe(self, event: SubscribeReceived) -> None:
        extension = getattr(event.request.uri, "user", "") or ""
        self._subscribers[event.id] = (extension, event.package)
        self.client.do(AcceptSubscription(event.id, event.expires))
        self._notify(event.id, "active" if event.expires else "terminated")

    def _notify(self, id: int, state: str = "active") -> None:
        extension, package = self._subscribers[id]
        note, basic, dialog = WORDS[self.states.get(extension, "ready")]
        text = (
            PIDF.format(extension, note, basic)
            if package == "presence"
            else DIALOG.format(extension, dialog, self._version)
        )
        self.client.do(Notify(id, text.encode(), TYPES[package], state))


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """These tests run on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def pbx() -> AsyncIterator[Pbx]:
    pbx = Pbx()
    await pbx.start()
    yield pbx
    await pbx.client.aclose()
    assert pbx.client.failures == 0
